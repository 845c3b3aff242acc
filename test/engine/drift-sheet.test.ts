import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DriftRequest, driftSheet, driftTable, partsTable } from "../../src/cli/drift-sheet.ts";
import type { DriftRow } from "../../src/pipeline/measure-drift.ts";
import { modelPath } from "../../src/pipeline/model-path.ts";
import { paintPhotos } from "../end-to-end/evergreen.ts";

const place = mkdtempSync(join(tmpdir(), "drift-sheet-"));
beforeAll(() => paintPhotos(join(place, "photos"), { red: 200, blue: 10 }, 3));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const row = (state: string, relative: number | undefined): DriftRow => ({
  state,
  parameters: [
    { part: "all", distance: 2, relative: 0.5, parameters: 30 },
    { part: "image", distance: 1, relative, parameters: 20 },
    { part: "text", distance: 1, relative: 0.25, parameters: 10 },
  ],
  image: { drift: 0.125, cka: 0.75 },
  text: { drift: 0, cka: undefined },
  alignment: { modalityGap: 0.5, matched: 0.3, unmatched: undefined },
  gapChange: -0.125,
  scale: 100,
});

test("a line a state, shares in per cent; what is not known is a gap", () => {
  const { columns, rows } = driftTable([row("t0001", 0.125), row("t0002", undefined)]);
  expect(columns).toHaveLength(12);
  expect(rows).toEqual([
    ["t0001", "12.50", "25.00", "0.1250", "0.0000", "0.7500", undefined, "0.5000", "-0.1250", "0.3000", undefined, "100.00"],
    ["t0002", undefined, "25.00", "0.1250", "0.0000", "0.7500", undefined, "0.5000", "-0.1250", "0.3000", undefined, "100.00"],
  ]);
});

test("every part is a line with its parameters, every state a column", () => {
  const table = partsTable([row("a", 0.125), row("b", undefined)]);
  expect(table.columns.map(({ title }) => title)).toEqual(["part", "parameters", "a %", "b %"]);
  expect(table.rows).toEqual([
    ["all", 30, "50.00", "50.00"],
    ["image", 20, "12.50", undefined],
    ["text", 10, "25.00", "25.00"],
  ]);
});

test("weights are not far from themselves, on pairs that a digest names; without pairs or a start nothing is measured", async () => {
  const model = modelPath("preset:mini-flux-base");
  const asked: DriftRequest = { model, batchSize: 4, precision: "fp32", onState: () => undefined };
  const suite = [`folder:${join(place, "photos")}?test=1`];
  const { rows, pairs } = await driftSheet({ ...asked, base: model, suite });
  expect(pairs).toEqual({ count: 6, digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
  expect(rows.map(({ state }) => state)).toEqual(["start", "model"]);
  expect(rows[1]?.parameters.map(({ distance }) => distance).every((distance) => distance === 0)).toBe(true);
  expect(rows[1]).toMatchObject({ image: { drift: expect.closeTo(0, 6) as number, cka: expect.closeTo(1, 6) as number }, gapChange: 0 });
  await expect(driftSheet({ ...asked, base: model })).rejects.toThrow("--suite: pairs of which data sets?");
  await expect(driftSheet({ ...asked, suite })).rejects.toThrow("--base: drift from which weights?");
}, 30_000);
