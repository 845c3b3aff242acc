import { native } from "./binding.ts";
import { EngineError } from "./engine-error.ts";
import { guard } from "./tensor.ts";

type Kernel = "mkl" | "onednn";
type Product = "forward" | "input-gradient" | "weight-gradient";

/** One class of float32 products of a linear layer x [rows, k] with weight [n, k]; rows count by powers of two. */
type KernelEntry = {
  readonly product: Product;
  /** Exponent of the power of two that the rows do not pass. */
  readonly rows: number;
  readonly n: number;
  readonly k: number;
  readonly kernel: Kernel;
};

/** Which kernel serves which float32 product. Fixed when a run is created, stored in its plan, read from there on resume. */
export type KernelTable = {
  /** Serves every class that has no entry. */
  readonly rule: Kernel;
  readonly entries: readonly KernelEntry[];
};

const products: readonly Product[] = ["forward", "input-gradient", "weight-gradient"];

/** What libtorch would take by itself. */
export const referenceKernels: KernelTable = { rule: "mkl", entries: [] };
/** oneDNN everywhere: the faster one on most processors. */
export const defaultKernels: KernelTable = { rule: "onednn", entries: [] };

let active: KernelTable = referenceKernels;

/** Puts a table in force for this process. */
export function useKernels(table: KernelTable): void {
  const code = (kernel: Kernel): number => (kernel === "mkl" ? 0 : 1);
  const numbers = table.entries.flatMap(({ product, rows, n, k, kernel }) => [products.indexOf(product), rows, n, k, code(kernel)]);
  guard("useKernels", () => native.setKernels(code(table.rule), numbers));
  active = table;
}

/** The table in force. */
export const activeKernels = (): KernelTable => active;

/** What `EVERGREEN_KERNELS` asks for: undefined leaves the choice to measurement. @throws {EngineError} for a word it does not know. */
export function kernelsFromEnvironment(value: string | undefined): KernelTable | undefined {
  if (value === undefined || value === "" || value === "auto") return undefined;
  if (value === "reference") return referenceKernels;
  throw new EngineError("environment", `EVERGREEN_KERNELS=${value}: expected reference or auto`, { fix: "unset EVERGREEN_KERNELS" });
}
