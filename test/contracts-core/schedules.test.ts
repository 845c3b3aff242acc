import { describe, expect, test } from "vitest";
import { readSpec } from "../../src/runs/spec.ts";
import { scheduleSchema } from "../../src/runs/spec-schedule.ts";
import { type ScheduleDefinition, schedules } from "../../src/schedules/schedule.ts";

const read = (...set: readonly string[]) =>
  readSpec({
    files: [],
    set: ["model.arch=mini-flux", "model.init=random", "stream.from=mini-flux", "budget.per_task=10 steps", ...set],
    env: {},
    cwd: "/",
    presets: "/",
  }).spec.schedule;

describe.each(schedules.names())("%s in a run file", (name) => {
  test("has the defaults and the options of its part", async () => {
    const part: ScheduleDefinition = await schedules.load(name);
    const { name: _, ...written } = read(`schedule.name=${name}`);
    expect(part.options.parse(written)).toEqual(part.options.parse({}));
    expect(Object.keys(written).sort()).toEqual(Object.keys(part.options.parse({}) as object).sort());
  });
});

test("every schedule a run file may name is in the catalogue", () => {
  expect(scheduleSchema.options.map((option) => option.shape.name.value).sort()).toEqual(schedules.names());
});

test("percentages become shares, counts stay counts", () => {
  expect(read("schedule.name=wsd", "schedule.warmup=5%", "schedule.cooldown=40")).toMatchObject({ warmup: 0.05, cooldown: 40 });
});

test("a key of another schedule and an infinite schedule whose floor is above its plateau are refused", () => {
  expect(() => read("schedule.name=cosine", "schedule.cooldown=5%")).toThrow(/schedule\.cooldown: has no effect with schedule "cosine"/);
  expect(() => read("schedule.name=infinite", "schedule.floor=0.6")).toThrow(/at or below schedule\.plateau/);
});
