import { native } from "./binding.ts";
import { EngineError } from "./engine-error.ts";
import { type DType, guard } from "./tensor.ts";

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

/** Which kernel serves which product. Fixed when a run is created, stored in its plan, read from there on resume. */
export type KernelTable = {
  /** Serves every class that has no entry. */
  readonly rule: Kernel;
  /** The same of one product, where it is another one. */
  readonly products?: { readonly [P in Product]?: Kernel };
  readonly entries: readonly KernelEntry[];
  /** bfloat16 products are computed by the float32 kernels, entries widened before and results rounded after; absent where the processor has products of its own. */
  readonly bfloat16?: "float32";
};

const products: readonly Product[] = ["forward", "input-gradient", "weight-gradient"];

/** What libtorch would take by itself. */
export const referenceKernels: KernelTable = { rule: "mkl", entries: [] };
/** oneDNN everywhere: the faster one with AVX-512. */
export const defaultKernels: KernelTable = { rule: "onednn", entries: [] };
/** With AVX2 oneDNN is the faster one forward, and loses where it must turn a factor around. */
export const narrowKernels: KernelTable = { rule: "mkl", products: { forward: "onednn" }, entries: [] };

let active: KernelTable = referenceKernels;

/** Puts a table in force for this process. */
export function useKernels(table: KernelTable): void {
  const code = (kernel: Kernel): number => (kernel === "mkl" ? 0 : 1);
  const numbers = table.entries.flatMap(({ product, rows, n, k, kernel }) => [products.indexOf(product), rows, n, k, code(kernel)]);
  const rules = products.map((product) => code(table.products?.[product] ?? table.rule));
  guard("useKernels", () => native.setKernels(rules, numbers, table.bfloat16 === "float32"));
  active = table;
}

/** The table in force. */
export const activeKernels = (): KernelTable => active;

/** Whether a product of this type is computed in float32. */
export const isWidened = (dtype: DType): boolean => dtype === "bfloat16" && active.bfloat16 === "float32";

/** Whether oneDNN has bfloat16 products for this processor: libtorch's own plain ones reach a tenth of the rate of float32. */
export const hasBFloat16Products = (): boolean => native.facts().bfloat16;

/** What `EVERGREEN_KERNELS` asks for: undefined leaves the choice to measurement. @throws {EngineError} for a word it does not know. */
export function kernelsFromEnvironment(value: string | undefined): KernelTable | undefined {
  if (value === undefined || value === "" || value === "auto") return undefined;
  if (value === "reference") return referenceKernels;
  throw new EngineError("environment", `EVERGREEN_KERNELS=${value}: expected reference or auto`, { fix: "unset EVERGREEN_KERNELS" });
}
