import { describe, expect, test } from "vitest";
import { seedTable } from "../report/seed-table.ts";
import type { Measurement } from "../runs/measurement.ts";
import { type EvaluationView, emptyView } from "../runs/view.ts";
import { comparedGroups, type SeededRun, seedGroups } from "./seed-groups.ts";

const measured = (value: number): Measurement => ({ metric: "acc1", value, unit: "share", samples: 100 });

/** An evaluation with KA over one set and ZS over another. */
function row(ka: number, zs: number, kaSet = "a"): EvaluationView {
  const cells = { [kaSet]: { headline: measured(ka), measurements: [] }, z: { headline: measured(zs), measurements: [] } };
  return {
    task: 0,
    step: 10,
    state: "live",
    cells,
    scores: { ka: measured(ka), zs: measured(zs), gm: measured(Math.sqrt(ka * zs)), kaSets: [kaSet], zsSets: ["z"] },
  };
}
const run = (id: string, settings: { readonly seed: number; readonly lr: number }, of: EvaluationView, fingerprint = "f"): SeededRun => ({
  id,
  config: { name: id, seed: settings.seed, optim: { lr: settings.lr } },
  sources: ["a", "b", "z"].map((name) => ({ name, uses: ["evaluation"], role: "eval", fingerprint })),
  view: emptyView(),
  batchSize: 8,
  seed: settings.seed,
  compared: { id, row: of, samples: 80 },
});
const low = [0.5, 0.52, 0.54].map((ka, seed) => run(`low-${seed}`, { seed, lr: 1 }, row(ka, 0.8)));
const high = [0.55, 0.58, 0.58].map((ka, seed) => run(`high-${seed}`, { seed, lr: 2 }, row(ka, [0.81, 0.79, 0.8][seed] ?? 0)));

test("runs are one group when their settings differ in seed and name alone", () => {
  const ids = seedGroups([low[0], high[0], low[1], high[1], low[2]].flatMap((each) => each ?? [])).map((group) =>
    group.map(({ id }) => id),
  );
  expect(ids).toEqual([
    ["low-0", "low-1", "low-2"],
    ["high-0", "high-1"],
  ]);
});

describe("groups", () => {
  test("are means over seeds; common seeds are paired, and a tie is a tie", () => {
    const { groups, refused } = comparedGroups([...low, ...high]);
    expect(refused).toEqual([]);
    expect(groups[0]?.scores.ka?.value).toBeCloseTo(0.52, 12);
    expect(groups[0]?.scores.ka?.deviation).toBeCloseTo(0.02, 12);
    const [ka, zs] = [groups[1]?.changes?.ka, groups[1]?.changes?.zs];
    // +5, +6 and +4 points: mean 5, deviation 1, half an interval 4.3027 / √3.
    expect(ka?.by).toBe("seeds");
    expect(ka?.value).toBeCloseTo(0.05, 12);
    expect(ka?.interval?.[0]).toBeCloseTo(0.05 - (4.302653 * 0.01) / Math.sqrt(3), 6);
    expect(zs?.value).toBeCloseTo(0, 12);
    const { rows } = seedTable(groups);
    expect(rows[0]?.slice(0, 6)).toEqual(["low-0 and 2 more", "0, 1, 2", 80, "52.0 ± 2.0", "80.0 ± 0.0", "64.5 ± 1.2"]);
    expect(rows[1]?.slice(6)).toEqual(["+5.0 (+2.5 to +7.5) better, same seeds", "0.0 (−2.5 to +2.5) tie, same seeds"]);
  });
  test("without two common seeds are held against each other as two samples", () => {
    const other = high.map((each, i) => ({ ...each, seed: 10 + i, config: { ...(each.config as object), seed: 10 + i } }));
    const change = comparedGroups([...low, ...other]).groups[1]?.changes?.ka;
    expect(change).toMatchObject({ by: "groups" });
    expect(change?.value).toBeCloseTo(0.05, 12);
    const [one] = high;
    expect(comparedGroups([...low, ...(one ? [one] : [])]).groups[1]?.changes?.ka).toEqual({
      value: expect.closeTo(0.03, 12) as number,
      by: "groups",
    });
  });
  test("single runs keep their own change, over the same items", () => {
    const changes = { ka: { value: 0.05, interval: [0.01, 0.09] as const }, zs: undefined };
    const [a, b] = [low[0], high[0]].flatMap((each) => (each ? [each] : []));
    if (!a || !b) throw new Error("no runs");
    const { groups } = comparedGroups([a, { ...b, compared: { ...b.compared, changes } }]);
    expect(groups[1]?.changes?.ka).toEqual({ ...changes.ka, by: "items" });
  });
  test("over other sets or other data have no mean and no change, and say why", () => {
    const mixed = comparedGroups([...low.slice(0, 2), run("low-9", { seed: 9, lr: 1 }, row(0.5, 0.8, "b"))]);
    expect(mixed.groups[0]?.scores.ka).toBeUndefined();
    const elsewhere = high.map((each) => ({ ...each, sources: each.sources.map((set) => ({ ...set, fingerprint: "other" })) }));
    const { groups, refused } = comparedGroups([...low, ...elsewhere]);
    expect(groups[1]?.changes).toEqual({ ka: undefined, zs: undefined });
    expect(refused).toContainEqual({ run: "high-0", set: "a", reason: "its data differ" });
    expect(refused).toHaveLength(6);
  });
});
