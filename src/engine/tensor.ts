import { type Handle, native } from "./binding.ts";
import { asEngineError, EngineError } from "./engine-error.ts";
import { adopt } from "./registry.ts";

export type DType = "float32" | "float64" | "float16" | "bfloat16" | "int64" | "int32" | "int16" | "int8" | "uint8" | "bool";
/** `cpu`, `meta` (shapes without data), `cuda`, `cuda:1`, `mps`. */
export type Device = string;

interface TensorFacts {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly device: Device;
}

/** A handle to a tensor that the engine owns, freed at the end of the scope that made it. */
export class Tensor {
  readonly handle: Handle;
  private facts: TensorFacts | undefined;

  /** Adopted by the current scope; only engine/ makes tensors from handles. Facts that are known need not be asked for. */
  constructor(handle: Handle, facts?: TensorFacts) {
    this.handle = handle;
    this.facts = facts;
    adopt(this);
  }

  get shape(): readonly number[] {
    return this.known().shape;
  }
  get dtype(): DType {
    return this.known().dtype;
  }
  get device(): Device {
    return this.known().device;
  }
  /** Number of entries. */
  get size(): number {
    return this.shape.reduce((product, length) => product * length, 1);
  }

  private known(): TensorFacts {
    if (!this.facts) {
      const { shape, dtype, device } = guard("describe", () => native.describe(this.handle));
      this.facts = { shape, dtype: dtype as DType, device };
    }
    return this.facts;
  }
}

/** Parameters by dotted name, in the architecture's order, never a file's: the clip norm depends on it. */
export type Weights = ReadonlyMap<string, Tensor>;

/** Anything a checkpoint can hold. */
export type StateTree =
  | Tensor
  | Weights
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly StateTree[]
  | { readonly [key: string]: StateTree };

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
} as const;
type ArrayOf<D extends DType> = InstanceType<(typeof arrays)[D]>;

/** Bytes of one entry. */
export const entryBytes = (dtype: DType): number => arrays[dtype].BYTES_PER_ELEMENT;

/** A tensor with a copy of `data`, row by row. A typed array must hold exactly the bytes of the shape. */
export function tensor(data: ArrayBufferView | readonly number[], shape: readonly number[], dtype: DType): Tensor {
  const bytes = ArrayBuffer.isView(data) ? data : typed(data, dtype);
  return new Tensor(guard("tensor", () => native.fromBytes(bytes, dtype, shape)));
}

function typed(data: readonly number[], dtype: DType): ArrayBufferView {
  if (dtype === "int64") return BigInt64Array.from(data, BigInt);
  if (dtype === "float16" || dtype === "bfloat16")
    throw new EngineError("argument", `tensor: a list of numbers cannot become ${dtype}; make float32 and convert`);
  return arrays[dtype].from(data);
}

/** A scalar of one number. */
export function scalar(value: number, dtype: "float32" | "float64" | "int64" = "float32"): Tensor {
  return tensor([value], [], dtype);
}

/** Entries of a safetensors file or another raw file, mapped into memory and not read until they are used. */
export function mapFile(path: string, at: { readonly offset: number; readonly dtype: DType; readonly shape: readonly number[] }): Tensor {
  return new Tensor(guard("mapFile", () => native.mapFile(path, at.offset, at.dtype, at.shape)));
}

/** A copy of the entries, row by row. float16 and bfloat16 come as their 16 bits. */
export function read(value: Tensor): ArrayOf<DType> {
  const into = new arrays[value.dtype](value.size);
  readInto(value, into);
  return into;
}

/** The same into an array of exactly as many bytes. */
export const readInto = (value: Tensor, into: ArrayBufferView): void => guard("read", () => native.toBytes(value.handle, into));

/** Entries of a float32 tensor. */
export function readFloats(value: Tensor): Float32Array {
  const entries = read(value);
  if (!(entries instanceof Float32Array)) throw new EngineError("argument", `readFloats: expected float32, got ${value.dtype}`);
  return entries;
}

/** The one number a tensor holds. */
export function item(value: Tensor): number {
  if (value.size !== 1) throw new EngineError("argument", `item: expected one entry, got shape [${value.shape.join(", ")}]`);
  return Number(read(value)[0]);
}

/** Runs a native call; what it throws becomes an {@link EngineError} that names `operator`. */
export function guard<Result>(operator: string, call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    throw asEngineError(error, operator);
  }
}
