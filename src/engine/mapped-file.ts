import { native } from "./binding.ts";
import { type DType, entryBytes, guard, Tensor } from "./tensor.ts";

/** Where a run of entries lies in a file. */
export interface FileRun {
  readonly file: MappedFile;
  /** Byte of its first entry. */
  readonly offset: number;
  readonly dtype: DType;
}

/** A file that is read in runs, most of them from front to back: its pages are used where the system keeps them, and leave the process's memory once they were passed. */
export class MappedFile {
  private readonly id: number;
  /** Bytes that were asked of the file. */
  bytesRead = 0;

  /** @throws {EngineError} when the file cannot be opened or mapped. */
  constructor(path: string) {
    this.id = guard("openFile", () => native.openFile(path));
  }

  /** Undefined where the file ends before. What is read stays when the file is closed, and must not be written to. */
  read(at: { readonly offset: number; readonly dtype: DType; readonly shape: readonly number[] }): Tensor | undefined {
    const handle = guard("readRun", () => native.readRun(this.id, at.offset, at.dtype, at.shape));
    if (handle === null) return undefined;
    const found = new Tensor(handle, { shape: at.shape, dtype: at.dtype, device: "cpu" });
    this.bytesRead += found.size * entryBytes(at.dtype);
    return found;
  }

  /**
   * Σ of runs of `size` entries of one type (float32, float16 or bfloat16), each times its weight, in their order, float32 [size]; with a float32 base [size] also the Σ (run − base)² of
   * each. All threads add, a tile at a time, so that the runs take no memory. Undefined where a file ends before its run does.
   */
  static sum(
    runs: readonly FileRun[],
    { weights, size, base }: { readonly weights: readonly number[]; readonly size: number; readonly base?: Tensor | undefined },
  ): { readonly sum: Tensor; readonly squares: readonly number[] } | undefined {
    const [ids, offsets] = [runs.map(({ file }) => file.id), runs.map(({ offset }) => offset)];
    const found = guard("sumRuns", () => native.sumRuns(ids, offsets, runs[0]?.dtype ?? "float32", weights, size, base?.handle ?? null));
    if (!found) return undefined;
    for (const { file, dtype } of runs) file.bytesRead += size * entryBytes(dtype);
    return { sum: new Tensor(found.sum), squares: found.squares };
  }

  close(): void {
    guard("closeFile", () => native.closeFile(this.id));
  }
}
