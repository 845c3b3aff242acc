import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Schedule, schedules } from "./schedule.ts";
import { extentSteps } from "./warmup.ts";

async function build(name: string, options: object = {}): Promise<Schedule> {
  const part = await schedules.load(name);
  return part.build(part.options.parse(options));
}
const curve = (schedule: Schedule, steps: number): number[] =>
  Array.from({ length: steps }, (_, step) => schedule({ task: 0, step, steps: [steps] }));

const numbers = [
  [{ warmup: 0.1 }, 10, [1, 0.969876, 0.883139, 0.75025, 0.587237, 0.413763, 0.25075, 0.117861, 0.031124, 0.001]],
  [{ warmup: 0 }, 10, [0.975553, 0.904604, 0.794099, 0.654854, 0.5005, 0.346146, 0.206901, 0.096396, 0.025447, 0.001]],
  [{ warmup: "10%" }, 3, [1, 0.5005, 0.001]],
  [{ warmup: 2 }, 1, [0.5]],
] as const;

describe("cosine-warmup", () => {
  test.each(numbers)("%o over %i steps is %o", async (options, steps, want) => {
    const got = curve(await build("cosine-warmup", options), steps);
    for (const [step, value] of want.entries())
      expect(Math.abs((got[step] ?? Number.NaN) - value), `step ${step}`).toBeLessThanOrEqual(5e-7);
  });
  test("form equation gives the printed values at 1,420 steps", async () => {
    const got = curve(await build("cosine-warmup", { form: "equation" }), 1420);
    for (const [step, want] of [
      [0, 0.001],
      [141, 0.992965],
      [142, 1],
      [1419, 0.001002],
    ] as const)
      expect(Math.abs((got[step] ?? 0) - want), `step ${step}`).toBeLessThanOrEqual(5e-7);
  });
  test("ends at exactly the floor, meets the peak at the end of warm-up", async () => {
    for (const floor of [0, 0.001, 0.25]) {
      const got = curve(await build("cosine-warmup", { floor }), 1420);
      expect(got.at(-1)).toBe(floor);
      expect(got[141]).toBe(1);
      expect(Math.abs((got[142] ?? 0) - 1)).toBeLessThan(1e-3);
    }
  });
  test("a whole product of share and steps is not rounded up", async () => {
    const got = curve(await build("cosine-warmup", { warmup: "7%" }), 100);
    expect([got[5], got[6]]).toEqual([6 / 7, 1]);
    expect(got[7]).toBeLessThan(1);
  });
  test("restarts in every task and follows each task's own steps", async () => {
    const schedule = await build("cosine-warmup");
    expect(schedule({ task: 1, step: 4, steps: [3, 10] })).toBe(curve(schedule, 10)[4]);
  });
});

describe("every curve", () => {
  const shares = fc.constantFrom<number | string>(0, 0.05, 0.1, 0.5, 1, 3, "5%", "50%", "100%", "4 steps");
  test("is finite and in [0, 1], and changes after warm-up by at most a constant over the steps", async () => {
    const names = schedules.names();
    expect(names).toEqual(["constant", "cosine", "cosine-warmup"]);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names),
        shares,
        fc.integer({ min: 1, max: 50 }),
        fc.nat({ max: 5 }),
        async (name, warmup, count, task) => {
          const schedule = await build(name, name === "cosine" ? {} : { warmup });
          const steps = Array.from({ length: 6 }, () => count);
          let before: number | undefined;
          for (let step = 0; step < count; step++) {
            const value = schedule({ task, step, steps });
            expect(value >= 0 && value <= 1, `${name} ${warmup} ${step}/${count}: ${value}`).toBe(true);
            const warm = extentSteps(warmup, count);
            if (before !== undefined && step > warm && warm < count)
              expect(Math.abs(value - before)).toBeLessThanOrEqual(Math.PI / (count - warm));
            before = value;
          }
        },
      ),
      { numRuns: 400 },
    );
  });
  test("plain cosine reaches the floor one step after its last", async () => {
    const got = curve(await build("cosine"), 1420);
    expect(got[0]).toBe(1);
    expect(Math.abs((got[1419] ?? 0) - 0.001001)).toBeLessThanOrEqual(5e-7);
    expect((await build("cosine"))({ task: 0, step: 1420, steps: [1420] })).toBe(0.001);
  });
  test("constant is 1 without warm-up and ramps with one", async () => {
    expect(curve(await build("constant"), 3)).toEqual([1, 1, 1]);
    expect(curve(await build("constant", { warmup: "2 steps" }), 3)).toEqual([0.5, 1, 1]);
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
