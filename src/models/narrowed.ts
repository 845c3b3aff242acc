import { narrow } from "../engine/entries.ts";
import { to } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import { type DType, readFloats, type Tensor } from "../engine/tensor.ts";
import { EvergreenError } from "../util/errors.ts";

/** Finite entries that a narrower type has no number for. */
class NarrowTypeError extends EvergreenError {
  constructor(tensor: string, type: DType) {
    const wider = (type === "float16" ? ["bfloat16", "float32"] : ["float32"]).map((each) => `--dtype ${each}`).join(" or ");
    super(`"${tensor}" has entries that ${type} cannot hold; they would become infinite`, {
      code: "EG-7150",
      exit: "numerics",
      fix: `store it with ${wider}; nothing was written`,
    });
  }
}

/** A tensor in another type; entries that were no numbers before stay what they are. @throws {NarrowTypeError} where a finite entry of float32 is beyond the type's range. */
export function narrowed(value: Tensor, type: DType, name: string): Tensor {
  if (value.dtype !== "float32" || (type !== "float16" && type !== "bfloat16")) return to(value, type);
  const { stored, allFinite } = narrow(value, type);
  if (!allFinite && overflows(value, stored)) throw new NarrowTypeError(name, type);
  return stored;
}

/** Compares entry by entry: reached only by tensors with entries that are not finite. */
function overflows(value: Tensor, stored: Tensor): boolean {
  const [before, after] = scope(() => [readFloats(value), readFloats(to(stored, "float32"))] as const);
  return before.some((entry, i) => Number.isFinite(entry) && !Number.isFinite(after[i]));
}
