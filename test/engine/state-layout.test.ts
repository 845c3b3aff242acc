import { expect, test } from "vitest";
import { contiguous, slice, transpose, zeros } from "../../src/engine/ops.ts";
import { scope } from "../../src/engine/scope.ts";
import { flattenState, unflattenState } from "../../src/training/state-tree.ts";

test("a state's tensor that would lie otherwise once it is read back is refused by its place", () => {
  scope(() => {
    const turned = transpose(zeros([3, 4]), 0, 1);
    expect(() => flattenState([{ bases: new Map([["layer", turned]]) }], "state")).toThrow(
      /at state\.0\.bases\/layer that does not lie row by row/,
    );
    expect(() => flattenState([slice(zeros([3, 4]), 1, 0, 2)], "state")).toThrow("state.0");
    const kept = contiguous(turned);
    const { json, tensors } = flattenState([{ bases: new Map([["layer", kept]]), count: 2 }], "state");
    expect(unflattenState(json, tensors)).toEqual([{ bases: new Map([["layer", kept]]), count: 2 }]);
  });
});
