import { describe, expect, test } from "vitest";
import { readSpec } from "../../src/runs/spec.ts";
import { scheduleSchema } from "../../src/runs/spec-schedule.ts";
import { type Schedule, type ScheduleDefinition, schedules } from "../../src/schedules/schedule.ts";
import { judgedParts, shippedParts } from "../fixtures/judged-parts.ts";

const read = (...set: readonly string[]) =>
  readSpec({
    files: [],
    set: ["model.arch=mini-flux", "model.init=random", "stream.from=mini-flux", "budget.per_task=10 steps", ...set],
    env: {},
    cwd: "/",
    presets: "/",
  }).spec.schedule;

describe.each(judgedParts("schedule"))("%s", (name) => {
  test("says what it is and refuses an option it does not know", async () => {
    const { summary, options } = await schedules.load(name);
    expect(summary).toMatch(/^\S.{20,}\.$/);
    expect(options.safeParse({ unheardOf: 1 }).success).toBe(false);
  });

  test("gives each step of tasks of one step and of many a share of the peak, by its place alone", async () => {
    const definition: ScheduleDefinition = await schedules.load(name);
    const build = (): Schedule => definition.build(definition.options.parse({}), { batchSize: 64 });
    const [one, other] = [build(), build()];
    for (const steps of [[1], [2, 3], [40, 7, 1, 100]]) {
      const places = steps.flatMap((count, task) => Array.from({ length: count }, (_, step) => ({ task, step, steps })));
      const shares = places.map(one);
      expect(shares.filter((share) => !(share >= 0 && share <= 1))).toEqual([]);
      expect(shares.some((share) => share > 0)).toBe(true);
      // Asked the other way round: nothing is remembered between steps.
      expect([...places].reverse().map(other).reverse()).toEqual(shares);
    }
  });
});

describe.each(shippedParts("schedule"))("%s in a run file", (name) => {
  test("has the defaults and the options of its part", async () => {
    const part: ScheduleDefinition = await schedules.load(name);
    const { name: _, ...written } = read(`schedule.name=${name}`);
    expect(part.options.parse(written)).toEqual(part.options.parse({}));
    expect(Object.keys(written).sort()).toEqual(Object.keys(part.options.parse({}) as object).sort());
  });
});

test("every schedule a run file may name is in the catalogue", () => {
  expect(scheduleSchema.options.map((option) => option.shape.name.value).sort()).toEqual(shippedParts("schedule"));
});

test("percentages become shares, counts stay counts", () => {
  expect(read("schedule.name=wsd", "schedule.warmup=5%", "schedule.cooldown=40")).toMatchObject({ warmup: 0.05, cooldown: 40 });
});

test("a key of another schedule and an infinite schedule whose floor is above its plateau are refused", () => {
  expect(() => read("schedule.name=cosine", "schedule.cooldown=5%")).toThrow(/schedule\.cooldown: has no effect with schedule "cosine"/);
  expect(() => read("schedule.name=infinite", "schedule.floor=0.6")).toThrow(/at or below schedule\.plateau/);
});
