import { rmSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { writeUnreadRun } from "../../test/fixtures/data/unread-photos.ts";
import { learningFacts } from "../runs/plan.ts";
import { readSpec } from "../runs/spec.ts";
import { forecastRun } from "./plan-run.ts";
import { presetFolder } from "./preset-folder.ts";
import { resolveRun, toPlan } from "./resolve.ts";

const { folder, file } = writeUnreadRun(
  20,
  `stream: {from: "folder:./photos?test=0.25", tasks: 2}
data: {mixture: update-only, batch_size: 4}
budget: {per_task: 3 steps}
`,
);
afterAll(() => rmSync(folder, { recursive: true }));
const specOf = (...set: readonly string[]) => readSpec({ files: [file], set, env: {}, cwd: folder, presets: presetFolder }).spec;
const planOf = async (...set: readonly string[]) => (await resolveRun(specOf(...set), folder, toPlan)).plan;
/** Of each task, what is held back: a fifth of every concept's training samples. */
async function heldBack(): Promise<readonly [number, number]> {
  const { stream } = await resolveRun(specOf(), folder, toPlan);
  const [first = 0, second = 0] = stream.tasks.map(({ concepts }) =>
    concepts.reduce((sum, { samples }) => sum + Math.floor(samples.length / 5), 0),
  );
  return [first, second];
}
const paint = "methods=[{name: paint, steps: 4}]";

test("what is scored is what other runs are scored on; what is trained on is less, and tasks say so", async () => {
  const [plain, held] = [await planOf(), await planOf(paint)];
  const [before, after] = [plain.sources[0], held.sources[0]];
  expect(after?.fingerprint).toBe(before?.fingerprint);
  expect([before?.trained, after?.trained]).toEqual([undefined, expect.stringMatching(/^[0-9a-f]{64}$/)]);
  const gone = await heldBack();
  expect(Math.min(...gone)).toBeGreaterThan(4);
  expect(held.tasks.map(({ samples }) => samples)).toEqual(plain.tasks.map(({ samples }, task) => samples - (gone[task] ?? 0)));
  // Steps on other samples are other steps, whatever a method does between tasks.
  expect(learningFacts(held, [])).not.toEqual(learningFacts(plain, []));
  expect(learningFacts(held, [])).toEqual(learningFacts(await planOf("methods=[{name: paint, steps: 5}]"), []));
});

test("a plan tells of the scores, and a budget of FLOPs pays for them", async () => {
  const forecast = (...set: readonly string[]) => forecastRun(specOf(...set), { folder, env: {}, runs: folder, calibrate: false });
  const [plain, held] = [await forecast(), await forecast(paint)];
  expect(plain.taskEnds).toEqual({ batches: 0, scoredImages: 0, flops: 0, passes: 0 });
  // Five scores over each task's own samples, and over the first one's in the second.
  const [first, second] = await heldBack();
  expect(held.taskEnds).toMatchObject({ batches: 0, scoredImages: 5 * (first + first + second), passes: 2 * 15 });
  const flops = ["budget.per_task=2 TFLOP", "budget.accounting={steps_from: closed-form}"];
  const [all, less] = [(await planOf(...flops)).tasks[0]?.steps ?? 0, (await planOf(...flops, paint)).tasks[0]?.steps ?? 0];
  const [step, scores] = [held.step.closedForm ?? Number.NaN, held.taskEnds.flops / 2];
  expect([all, less]).toEqual([Math.round(2e12 / step), Math.floor((2e12 - scores) / step)]);
  expect(less).toBeLessThan(all);
});

test("rewind alone is refused where nothing is held back of what it asks for", async () => {
  await expect(planOf("methods=[{name: rewind}]")).rejects.toMatchObject({ code: "EG-3135", exit: "config" });
});
