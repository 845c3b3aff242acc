import { type Argument, one, operator } from "./operator.ts";
import { item, type Tensor } from "./tensor.ts";

// Entry by entry, each with one rounding at most: the bits of an entry do not depend on where it lies or on the number of threads.

const call = (name: string, ...args: readonly Argument[]): Tensor => one(name, operator(name)(...args));
const fraction = (value: number): Argument => ({ float: value });

export const abs = (a: Tensor): Tensor => call("aten::abs", a);
/** −1, 0 or 1. */
export const sign = (a: Tensor): Tensor => call("aten::sign", a);
export const maximum = (a: Tensor, b: Tensor): Tensor => call("aten::maximum", a, b);
/** Not below `least`. */
export const clampMin = (a: Tensor, least: number): Tensor => call("aten::clamp_min", a, fraction(least));
/** Not above `most`. */
export const clampMax = (a: Tensor, most: number): Tensor => call("aten::clamp_max", a, fraction(most));
/** Entries of `a` where `choice` (bool) holds, else of `b`. */
export const where = (choice: Tensor, a: Tensor, b: Tensor): Tensor => call("aten::where.self", choice, a, b);
export const greater = (a: Tensor, b: Tensor): Tensor => call("aten::gt.Tensor", a, b);
export const above = (a: Tensor, limit: number): Tensor => call("aten::gt.Scalar", a, fraction(limit));
export const atLeast = (a: Tensor, limit: number): Tensor => call("aten::ge.Scalar", a, fraction(limit));
export const below = (a: Tensor, limit: number): Tensor => call("aten::lt.Scalar", a, fraction(limit));
export const atMost = (a: Tensor, limit: number): Tensor => call("aten::le.Scalar", a, fraction(limit));
export const equals = (a: Tensor, value: number): Tensor => call("aten::eq.Scalar", a, fraction(value));
export const both = (a: Tensor, b: Tensor): Tensor => call("aten::logical_and", a, b);
/** The k-th largest entry of [N], a scalar tensor. */
export const kthLargest = (a: Tensor, k: number): Tensor => call("aten::min", operator("aten::topk")(a, k)[0] as Tensor);
/** Largest entry. */
export const largest = (a: Tensor): number => item(call("aten::max", a));
