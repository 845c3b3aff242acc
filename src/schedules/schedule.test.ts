import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batchSize, build, curve } from "../../test/fixtures/schedules/multipliers.ts";
import { type ScheduleDefinition, schedules } from "./schedule.ts";

const names = schedules.names();
const shares = fc.constantFrom<number | string>(0, 0.05, 0.1, 0.5, 1, 3, "5%", "50%", "100%", "4 steps");
/** Those of these lengths that a schedule has among its options. */
function lengthsOf({ options }: ScheduleDefinition, given: Readonly<Record<string, number | string>>): object {
  return Object.fromEntries(Object.entries(given).filter(([option]) => options.safeParse({ [option]: 0.1 }).success));
}

test("the catalogue holds every schedule of the protocol", () => {
  expect(names.join(" ")).toBe(
    "ar-cosine ar-rsqrt cd-cosine cd-rsqrt constant cosine cosine-warmup infinite linear-warmup multistep peaks-match rsqrt wsd",
  );
});

describe.each(names)("%s", (name) => {
  test("is finite and in [0, 1] for equal and unequal tasks, one-step tasks among them", async () => {
    const part: ScheduleDefinition = await schedules.load(name);
    fc.assert(
      fc.property(shares, shares, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 6 }), (warmup, cooldown, steps) => {
        const schedule = part.build(part.options.parse(lengthsOf(part, { warmup, cooldown, anneal: cooldown })), { batchSize });
        for (let task = 0; task < steps.length; task++)
          expect(
            curve(schedule, { steps, task }).filter((value) => !(value >= 0 && value <= 1)),
            `task ${task}`,
          ).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
  test("gives a step the same value in any order of asking", async () => {
    const steps = [40, 7, 1, 40];
    const once = await build(name);
    const forwards = steps.map((_, task) => curve(once, { steps, task }));
    const again = await build(name);
    for (let task = steps.length - 1; task >= 0; task--)
      expect(curve(({ step, ...at }) => again({ ...at, step: (at.steps[task] ?? 0) - 1 - step }), { steps, task }).reverse()).toEqual(
        forwards[task],
      );
  });
  test("depends on tasks up to its own alone", async () => {
    const schedule = await build(name);
    expect(curve(schedule, { steps: [30, 20, 10], task: 1 })).toEqual(curve(schedule, { steps: [30, 20], task: 1 }));
  });
});

describe("after the warm-up", () => {
  // A milestone is a jump, and an anneal falls by a factor at each step.
  const smooth = names.filter((name) => name !== "multistep" && name !== "infinite");
  test.each(smooth)("%s moves by at most max(1/W, π/(S − W), 1/C) a step", async (name) => {
    for (const count of [20, 57, 1420])
      for (const task of [0, 1, 5, 199]) {
        const schedule = await build(name);
        const edge = Math.ceil(count / 10 - 1e-9);
        const values = curve(schedule, { steps: count, task });
        const bound = Math.max(1 / edge, Math.PI / (count - edge)) + 1e-12;
        const moves = values.slice(edge).map((value, i) => Math.abs(value - (values[edge - 1 + i] ?? 2)));
        expect(Math.max(...moves), `S ${count}, t ${task}`).toBeLessThanOrEqual(bound);
      }
  });
  test.each(["cosine-warmup", "linear-warmup", "wsd", "ar-cosine", "cd-cosine"])("%s ends at exactly the floor", async (name) => {
    for (const floor of [0, 0.001, 0.25])
      for (const task of [0, 3]) expect(curve(await build(name, { floor }), { steps: 1420, task }).at(-1)).toBe(floor);
  });
});

describe("with meta-schedules", () => {
  const plain = {
    "ar-cosine": "cosine-warmup",
    "cd-cosine": "cosine-warmup",
    "ar-rsqrt": "rsqrt",
    "peaks-match": "rsqrt",
    "cd-rsqrt": "rsqrt",
  };
  test.each(Object.entries(plain))("the first task of %s is %s", async (meta, name) => {
    for (const steps of [1, 2, 14, 1420]) expect(curve(await build(meta), { steps })).toEqual(curve(await build(name), { steps }));
  });
  test.each(Object.keys(plain))("warm-up meets the decay at the peak: %s", async (meta) => {
    const schedule = await build(meta);
    for (const task of [0, 1, 5, 199]) {
      const values = curve(schedule, { steps: 1420, task });
      const peak = Math.max(...values);
      expect(values[141]).toBe(peak);
      expect(Math.abs((values[142] ?? 0) - peak)).toBeLessThan(1e-3);
    }
  });
  test.each(Object.keys(plain))("peaks fall from task to task: %s", async (meta) => {
    const schedule = await build(meta);
    const peaks = Array.from({ length: 30 }, (_, task) => Math.max(...curve(schedule, { steps: 142, task })));
    for (let task = 1; task < peaks.length; task++) expect(peaks[task], `task ${task}`).toBeLessThan(peaks[task - 1] ?? 0);
  });
});

test("options refuse unknown keys, half counts and shares that are none", async () => {
  const { options } = await schedules.load("cosine-warmup");
  for (const wrong of [
    { warmup: 1.5 },
    { warmup: -1 },
    { warmup: "10" },
    { warmup: "101%" },
    { floor: 2 },
    { warmups: 1 },
    { warmup: Number.NaN },
  ])
    expect(options.safeParse(wrong).success, JSON.stringify(wrong)).toBe(false);
});
