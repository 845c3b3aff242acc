import { beforeAll, expect, test } from "vitest";
import { type ScoreRequest, type ScoreSheet, scoreModel } from "../../src/cli/score-model.ts";
import { ensureMiniFlux } from "../../src/data/mini-flux/ensure.ts";
import { modelPath } from "../../src/pipeline/model-path.ts";

// Fetches about 60 MB and draws the pictures where the cache does not have them yet.
beforeAll(async () => {
  await ensureMiniFlux();
}, 600_000);

const score = (suite: string, more: Partial<ScoreRequest> = {}): Promise<ScoreSheet> =>
  scoreModel({
    model: modelPath("preset:mini-flux-base"),
    suite: [suite],
    batchSize: 64,
    precision: "fp32",
    templates: "single",
    onSet: () => undefined,
    ...more,
  });
const headline = ({ rows }: ScoreSheet): number => rows.find(({ isHeadline }) => isHeadline)?.value ?? Number.NaN;

test("a linear probe tells emoji apart that the model cannot name, twice to the same digit; what has no training split is left out", async () => {
  const set = "mini-flux:emoji-2023-25";
  const evaluator = { name: "linear-probe" };
  const zeroShot = await score(set);
  const probe = await score(`${set},3d-food`, { evaluator });
  expect(probe.leftOut).toEqual(["3d-food"]);
  expect(headline(probe)).toBeGreaterThan(headline(zeroShot) + 0.3);
  expect(probe.rows[0]).toMatchObject({ metric: "lp_acc1", evaluator: "linear-probe", settings: { fewshot_k: -1, l2_from: "sweep" } });
  expect(zeroShot.rows[0]?.metric).toBe("acc1");
  const again = await score(set, { evaluator });
  const plain = ({ rows }: ScoreSheet) => rows.map(({ seconds: _, ...row }) => row);
  expect(plain(again)).toEqual(plain(probe));
  const shots = await score(set, { evaluator: { name: "linear-probe", shots: 1, l2: 0.01 } });
  expect(shots.rows[0]?.settings).toMatchObject({ fewshot_k: 1, l2: 0.01, l2_from: "given" });
  expect(headline(shots)).toBeLessThanOrEqual(headline(probe));
  await expect(score("mini-flux:3d-food", { evaluator })).rejects.toThrow("none of these sets can be scored by linear-probe: 3d-food");
}, 60_000);
