import { linear, slice } from "../engine/ops.ts";
import { scope } from "../engine/scope.ts";
import { readFloats, tensor } from "../engine/tensor.ts";
import type { RowProducts } from "../streams/stream.ts";

/** Products of rows on the engine, in float32. */
export const rowProducts: RowProducts = (table, width, { from, to }) =>
  scope(() => {
    const all = tensor(table, [table.length / width, width], "float32");
    return readFloats(linear(slice(all, 0, from, to), all));
  });
