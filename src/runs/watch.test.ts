import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { watchRun } from "./watch.ts";

const folder = mkdtempSync(join(tmpdir(), "watch-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const metrics = join(folder, "metrics.jsonl");
const row = (s: number): string => `${JSON.stringify({ t: s, task: 0, s, samples: s, k: "train/loss", v: s })}\n`;

test("a follower sees the run grow by whole lines, and begins again when the journals are cut back", async () => {
  const stop = new AbortController();
  const views = watchRun(folder, { signal: stop.signal, everyMs: 5 });
  const losses = async (): Promise<readonly (readonly [number, number])[]> => (await views.next()).value?.curves.loss ?? [];
  expect(await losses()).toEqual([]);
  writeFileSync(metrics, `{"format":"metrics/1"}\n${row(1)}${row(2).slice(0, 9)}`);
  expect(await losses()).toEqual([[1, 1]]);
  appendFileSync(metrics, row(2).slice(9) + row(3));
  expect(await losses()).toEqual([
    [1, 1],
    [2, 2],
    [3, 3],
  ]);
  truncateSync(metrics, `{"format":"metrics/1"}\n${row(1)}`.length);
  expect(await losses()).toEqual([[1, 1]]);
  // Cut and grown past the old end between two looks.
  writeFileSync(metrics, `{"format":"metrics/1"}\n${row(1)}${row(200_000)}${row(300_000)}`);
  expect(await losses()).toEqual([
    [1, 1],
    [200_000, 200_000],
    [300_000, 300_000],
  ]);
  stop.abort();
  expect((await views.next()).done).toBe(true);
});

test("a journal of a later format is refused by name", async () => {
  writeFileSync(metrics, '{"format":"metrics/2"}\n');
  await expect(watchRun(folder, { signal: new AbortController().signal, everyMs: 5 }).next()).rejects.toThrow(
    "format metrics/2 is later than metrics/1",
  );
});
