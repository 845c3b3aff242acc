import { expect, test } from "vitest";
import type { Recipe } from "../models/weight-names.ts";
import { namedOutputs } from "./named-outputs.ts";
import type { MergedOutput } from "./planned-merge.ts";

/** A tensor of entries 0, 1, 2, …, handed out in chunks of `chunk` entries; `times` counts how often it is merged. */
function counting(name: string, shape: readonly number[], chunk: number): { readonly output: MergedOutput; readonly times: () => number } {
  const size = shape.reduce((product, side) => product * side, 1);
  let times = 0;
  const entries = Float32Array.from({ length: size }, (_, i) => i);
  return {
    times: () => times,
    output: {
      name,
      shape,
      isCounter: false,
      *bytes() {
        times += 1;
        for (let at = 0; at < size; at += chunk) yield new Uint8Array(entries.slice(at, at + chunk).buffer);
      },
    },
  };
}
const entriesOf = (output: MergedOutput): number[] => [
  ...new Float32Array(Uint8Array.from(Buffer.concat([...output.bytes("float32")])).buffer),
];
const rows = (target: string, from: number, to: number): Recipe => ({
  target,
  shape: [to - from, 2],
  op: "slice-rows",
  sources: ["fused"],
  rows: [from, to],
});

test.each([1, 2, 3, 5, 12])("parts of one tensor are cut from one merge of it, in chunks of %i entries", (chunk) => {
  const { output, times } = counting("fused", [6, 2], chunk);
  const parts = namedOutputs([output], [rows("q", 0, 2), rows("k", 2, 4), rows("v", 4, 6)]);
  expect(parts.map(({ name, shape }) => [name, shape])).toEqual([
    ["q", [2, 2]],
    ["k", [2, 2]],
    ["v", [2, 2]],
  ]);
  expect(parts.map(entriesOf)).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [8, 9, 10, 11],
  ]);
  expect(times()).toBe(1);
});

test("a projection is turned over, whatever the chunks, and other tensors have another name alone", () => {
  const recipes: readonly Recipe[] = [
    { target: "turned", shape: [3, 2], op: "transpose", sources: ["matrix"] },
    { target: "same", shape: [4], op: "copy", sources: ["vector"] },
  ];
  const [turned, same] = namedOutputs([counting("matrix", [2, 3], 4).output, counting("vector", [4], 3).output], recipes);
  expect(entriesOf(turned as MergedOutput)).toEqual([0, 3, 1, 4, 2, 5]);
  expect([turned?.shape, same?.name, entriesOf(same as MergedOutput)]).toEqual([[3, 2], "same", [0, 1, 2, 3]]);
});
