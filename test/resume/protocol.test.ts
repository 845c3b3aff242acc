import { afterAll, beforeAll, expect, test } from "vitest";
import { buffers } from "../../src/mixtures/buffer.ts";
import { schedules } from "../../src/schedules/schedule.ts";
import { exitCodes } from "../../src/util/errors.ts";
import { folderOf, resume, train } from "./attempts.ts";
import { makeWorld, outcome, type World } from "./world.ts";

// Every buffer and every schedule, in pairs: what they decide is recomputed on resume and never stored.
const bufferSettings = buffers.names().map((name) => (name === "unlimited" ? name : `{name: ${name}, capacity: 5}`));
const cases = schedules.names().map((schedule, i) => [schedule, bufferSettings[i % bufferSettings.length] ?? "unlimited"] as const);

let world: World;
beforeAll(async () => {
  world = await makeWorld();
}, 120_000);
afterAll(() => world.remove());

test.each(cases)(
  "%s with buffer %s: stopped in mid-task and resumed equals uninterrupted",
  async (schedule, buffer) => {
    const set = [`schedule={name: ${schedule}}`, `data.buffer=${buffer}`];
    expect((await train(world, `whole-${schedule}`, { set })).exit).toBe(exitCodes.done);
    const stopAfter = (event: { readonly type: string; readonly step?: number }): boolean => event.type === "step" && event.step === 6;
    expect((await train(world, `part-${schedule}`, { set, stopAfter })).exit).toBe(exitCodes.stopped);
    expect((await resume(world, `part-${schedule}`)).exit).toBe(exitCodes.done);
    expect(outcome(folderOf(world, `part-${schedule}`))).toEqual(outcome(folderOf(world, `whole-${schedule}`)));
  },
  120_000,
);

test("every buffer was among them", () => {
  expect(new Set(cases.map(([, buffer]) => buffer))).toEqual(new Set(bufferSettings));
});
