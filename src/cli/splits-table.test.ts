import { expect, test } from "vitest";
import type { Measurement } from "../runs/measurement.ts";
import { splitsTable } from "./splits-table.ts";

const share = (value: number, samples: number): Measurement => ({ metric: "dynamic", value, unit: "share", samples });

test("a line a task, and the static tests; what has no item is a gap", () => {
  expect(splitsTable({ dynamic: [{ ...share(0.5, 10), interval: [0.4, 0.6] }, null], static: share(0.25, 8) }).rows).toEqual([
    ["task 1", "50.0 ± 10.0", 10],
    ["task 2", undefined, undefined],
    ["static", "25.0", 8],
  ]);
  expect(splitsTable({ dynamic: [] }).rows).toEqual([["static", undefined, undefined]]);
});
