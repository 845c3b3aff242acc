import { expect, test } from "vitest";
import type { Concept, DataSource, SampleRecord } from "../data/source.ts";
import type { Mixture } from "../mixtures/mixture.ts";
import { mixturePresets } from "../mixtures/presets.ts";
import type { RunSpec } from "../runs/spec.ts";
import { type Pool, unlimitedReplay, updatePool } from "../streams/pools.ts";
import { cutIntoTasks } from "../streams/stream.ts";
import type { ComponentSpec } from "../util/component.ts";
import { replayPools } from "./replay.ts";

const records = Array.from(
  { length: 60 },
  (_, i): SampleRecord => ({
    id: `a/${i}`,
    captions: [""],
    split: "train",
    image: { kind: "slice", path: "a.tar", offset: 0, bytes: 100 },
    className: `c${Math.floor(i / 10)}`,
  }),
);
const source: DataSource = {
  name: "a",
  task: "classification",
  role: "adapt",
  fingerprint: "",
  classNames: [],
  templates: [],
  licences: [],
  records: () => records,
  concepts: () => [],
};
const concepts = Array.from(
  { length: 6 },
  (_, c): Concept => ({
    id: `a/c${c}`,
    dataset: "a",
    name: `c${c}`,
    samples: records.slice(10 * c, 10 * c + 10).map(({ id }) => id),
    stats: {},
  }),
);
const stream = cutIntoTasks(concepts, 3);
const data = { streamed: [source], pretraining: [], evaluated: [] } as unknown as Parameters<typeof replayPools>[2];
const spec = (buffer: ComponentSpec, shares: Mixture = mixturePresets.iidify): RunSpec =>
  ({ seed: 3, data: { buffer, mixture: [{ task: 0, from: 0, shares }] } }) as unknown as RunSpec;
const all = (pool: Pool): string[] => Array.from({ length: pool.size }, (_, i) => pool.sample(i));

test("an unlimited buffer holds every sample of every task before", async () => {
  const pools = await replayPools(spec({ name: "unlimited" }), stream, data);
  expect(pools.map(all)).toEqual(unlimitedReplay(stream).map(all));
});

test.each([
  { name: "reservoir", capacity: 15 },
  { name: "recent", capacity: 15 },
  { name: "class-balanced", capacity: 15 },
  { name: "reservoir", capacity: "1.5 kB" },
])("%j holds at most its capacity, of earlier tasks alone, the same each time", async (buffer) => {
  const pools = await replayPools(spec(buffer), stream, data);
  expect(pools.map(({ size }) => size)).toEqual([0, 15, 15]);
  for (const [task, pool] of pools.entries()) {
    const before = new Set(
      unlimitedReplay(stream)
        .slice(task, task + 1)
        .flatMap(all),
    );
    const own = new Set(all(updatePool(stream, task)));
    for (const id of all(pool)) expect([before.has(id), own.has(id)]).toEqual([true, false]);
    expect(new Set(all(pool)).size).toBe(pool.size);
  }
  expect((await replayPools(spec(buffer), stream, data)).map(all)).toEqual(pools.map(all));
});

test("a buffer that no phase replays is empty", async () => {
  const pools = await replayPools(spec({ name: "unlimited" }, mixturePresets.oracle), stream, data);
  expect(pools.map(({ size }) => size)).toEqual([0, 0, 0]);
});

test("options that do not fit are a mistake of the run file", async () => {
  await expect(replayPools(spec({ name: "reservoir" }), stream, data)).rejects.toMatchObject({ code: "EG-3104" });
  await expect(replayPools(spec({ name: "reservoir", capacity: 5, size: 3 }), stream, data)).rejects.toThrow(/size/);
  await expect(replayPools(spec({ name: "reservoire", capacity: 5 }), stream, data)).rejects.toThrow(/reservoir/);
});
