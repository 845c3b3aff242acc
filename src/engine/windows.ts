import { type Argument, one, operator } from "./operator.ts";
import type { Tensor } from "./tensor.ts";

const call = (name: string, ...args: readonly Argument[]): Tensor => one(name, operator(name)(...args));

/** Zeros around the last two axes. */
export const pad = (a: Tensor, by: number): Tensor => call("aten::constant_pad_nd", a, [by, by, by, by], { float: 0 });
/** Windows of `size` along `dim`, one every `step`: the axis counts them, a last axis holds them. A view. */
export const unfold = (a: Tensor, at: { readonly dim: number; readonly size: number; readonly step: number }): Tensor =>
  call("aten::unfold", a, at.dim, at.size, at.step);
