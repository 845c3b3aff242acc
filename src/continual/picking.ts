import { toDevice } from "../engine/ops.ts";
import { type Tensor, tensor } from "../engine/tensor.ts";

/** Rows by number, as the tensor that picks them. */
export const picking = (rows: ArrayLike<number>, device: string): Tensor =>
  toDevice(tensor(Int32Array.from(rows), [rows.length], "int32"), device);
