import { expect, test } from "vitest";
import { build, curve, worst } from "../../../test/fixtures/schedules/multipliers.ts";
import { type ScheduleDefinition, schedules } from "../schedule.ts";

const given = { warmup: 2, cooldown: 6, plateau: 0.5, anneal: 4 };

test("each task ends with an anneal, and the next goes on at the plateau", async () => {
  const schedule = await build("infinite", given);
  const first = curve(schedule, { steps: 20 });
  const later = curve(schedule, { steps: 20, task: 1 });
  expect(new Set([...first.slice(8, 16), ...later.slice(0, 16)])).toEqual(new Set([0.5]));
  expect(later.slice(16)).toEqual(first.slice(16));
  expect(worst(later.slice(16), [0.105737, 0.022361, 0.004729, 0.001])).toBeLessThanOrEqual(5e-7);
});
test("anneal steps do not count as steps of the curve", async () => {
  const schedule = await build("infinite", given);
  const whole = curve(schedule, { steps: 40 });
  expect(curve(schedule, { steps: [7, 30], task: 1 }).slice(0, 5)).toEqual(whole.slice(3, 8));
});
test("lengths below 1 are shares of the first task", async () => {
  const schedule = await build("infinite", { warmup: 0.1, cooldown: "30%", anneal: 0.2 });
  expect(curve(schedule, { steps: [20, 60], task: 1 })).toEqual(
    curve(await build("infinite", { warmup: 2, cooldown: 6, anneal: 4 }), { steps: [20, 60], task: 1 }),
  );
});
test("the branch of a task begins at its anneal, unless the next task starts from annealed weights", async () => {
  const { branchFrom, options } = (await schedules.load("infinite")) as ScheduleDefinition;
  const from = (over: object, first: number, own: number) => branchFrom?.(options.parse({ ...given, ...over }), { first, own });
  expect(from({}, 20, 20)).toBe(16);
  // A share is one of the first task; a task keeps one step before its anneal.
  expect(from({ anneal: "20%" }, 20, 60)).toBe(56);
  expect(from({ anneal: 9 }, 20, 5)).toBe(1);
  expect(from({}, 20, 1)).toBeUndefined();
  expect(from({ anneal: 0 }, 20, 20)).toBeUndefined();
  expect(from({ resumeFrom: "annealed" }, 20, 20)).toBeUndefined();
});
test("a floor above the plateau and a floor of 0 are refused", async () => {
  await expect(build("infinite", { plateau: 0.2, floor: 0.3 })).rejects.toThrow(/at or below the plateau/);
  await expect(build("infinite", { floor: 0 })).rejects.toThrow();
});
