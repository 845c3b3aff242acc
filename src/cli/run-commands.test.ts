import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { captured } from "../../test/fixtures/cli/captured.ts";
import { type Made, make, save } from "../../test/fixtures/runs/made-run.ts";
import type { Scores } from "../runs/event.ts";
import { RunStore } from "../runs/store.ts";
import * as lock from "./commands/lock.ts";
import * as logs from "./commands/logs.ts";
import * as ls from "./commands/ls.ts";
import * as show from "./commands/show.ts";

const place = mkdtempSync(join(tmpdir(), "cli-"));
let made: Made;
let at: readonly string[];

const share = (value: number, interval: readonly [number, number]): NonNullable<Scores["ka"]> => ({
  metric: "m",
  value,
  unit: "share",
  samples: 100,
  interval,
});

/** A run of two tasks that stands after the first. */
beforeAll(() => {
  // No two rows at the same time, so that their order is told by it alone.
  let now = Date.now();
  const store = new RunStore(mkdtempSync(join(place, "runs-")), { clock: () => now++, freeBytes: () => 1e12 });
  made = make(place, "20260101-000000-x-abcd", { store });
  at = ["--runs", made.store.root];
  const { writer, folder } = made;
  const plan = JSON.parse(readFileSync(join(folder, "plan.json"), "utf8")) as object;
  const rows = { update: 3, buffer: 1, pretraining: 0 };
  const task = (index: number): object => ({
    index,
    name: `y${index}`,
    steps: 2,
    concepts: ["s/a"],
    samples: 9,
    // The second one replays more in its last half.
    phases: [{ from: 0, rows }, ...(index === 1 ? [{ from: 1, rows: { update: 2, buffer: 2, pretraining: 0 } }] : [])],
  });
  const sources = [{ name: "s", uses: ["update", "evaluation"], role: "adapt", fingerprint: "f" }];
  writeFileSync(join(folder, "plan.json"), JSON.stringify({ ...plan, sources, tasks: [task(0), task(1)] }));
  const evaluated = (index: number, value: number): void => {
    const cell = share(value, [value - 0.02, value + 0.04]);
    writer.append({
      type: "evaluated",
      task: index,
      step: 2 + 2 * index,
      state: "live",
      source: "s",
      role: "adapt",
      evaluator: "zero-shot",
      headline: "acc1",
      measurements: [{ ...cell, metric: "acc1" }],
    });
    writer.append({ type: "scored", task: index, step: 2 + 2 * index, state: "live", scores: { ka: cell, kaSets: ["s"], zsSets: [] } });
  };
  evaluated(-1, 0.25);
  writer.append({ type: "task-started", task: 0, name: "y0", step: 0, steps: 2 });
  save(writer, 1);
  save(writer, 2, "task_end");
  writer.append({ type: "task-ended", task: 0, step: 2 });
  evaluated(0, 0.5);
  writer.draw({ task: 0, s: 1, source: "update", concept: "s/a", pass: 0, n: 3 });
  writer.draw({ task: 0, s: 2, source: "update", concept: "s/a", pass: 1, n: 2 });
  writer.draw({ task: 0, s: 2, source: "buffer", concept: "s/b", pass: 0, n: 5 });
  writer.note("warn", "checkpoint refused", { reason: "torn" });
  writer.flush();
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

describe("ls", () => {
  test("a piped list is tab-separated: state, tasks and steps done, scores in per cent", async () => {
    const { out, exit } = await captured(ls, ...at);
    expect(exit).toBe(0);
    const [head, row] = out.split("\n").map((line) => line.split("\t"));
    expect(head).toEqual(["run", "project", "state", "task", "steps", "KA", "ZS", "age"]);
    expect(row?.slice(0, 7)).toEqual(["20260101-000000-x-abcd", "p", "running", "1/2", "2/4", "50.0", ""]);
  });
  test("JSON has the numbers with their intervals", async () => {
    const { out } = await captured(ls, "--json", ...at);
    expect(JSON.parse(out)).toMatchObject([
      { id: "20260101-000000-x-abcd", step: 2, steps: 4, ka: { value: 0.5, interval: [0.48, 0.54] } },
    ]);
  });
  test("a folder without runs is no error and says what to do", async () => {
    expect(await captured(ls, "--runs", join(place, "none"))).toMatchObject({
      exit: 0,
      err: expect.stringContaining("evergreen train") as string,
    });
  });
});

describe("show", () => {
  test("tells progress, tasks and the matrix; the end of an id is enough", async () => {
    const { out } = await captured(show, "abcd", ...at);
    expect(out).toContain("progress\t2 of 4 steps, 2 samples");
    expect(out).toContain("batch\t4 rows\n");
    expect(out).toContain("state\tfrom step\tupdate\tbuffer\tpretraining\n1\ty0\t1\t9\t2/2\tdone\t1\t3\t1\t0\n");
    expect(out).toContain("2\ty1\t1\t9\t0/2\twaiting\t1\t3\t1\t0\n\t\t\t\t\t\t2\t2\t2\t0\n");
    expect(out).toContain("set\tcounts in\tmetric\tstart\ttask 1/2\ns\tKA\tacc1\t25.0\t50.0\nKA\t\tmean of the KA sets\t25.0\t50.0\n");
    expect(out).toMatch(/checkpoint\t.*t0000-s00000002 \(/);
  });
  test("--intervals puts half the width beside the numbers", async () => {
    expect((await captured(show, "abcd", "--intervals", ...at)).out).toContain("s\tKA\tacc1\t25.0 ± 3.0\t50.0 ± 3.0");
  });
  test("--samples adds the ledger up by source, concept and pass", async () => {
    const { out } = await captured(show, "abcd", "--samples", "--top", "1", ...at);
    expect(out.split("\n\n").map((part) => part.trim().split("\n").slice(1))).toEqual([
      ["update\t5\t50.0", "buffer\t5\t50.0"],
      ["s/a\tupdate\t5"],
      ["update\t1\t3", "update\t2\t2", "buffer\t1\t5"],
    ]);
  });
  test("JSON holds record, plan and view", async () => {
    const { out } = await captured(show, "abcd", "--json", ...at);
    expect(JSON.parse(out)).toMatchObject({
      id: "20260101-000000-x-abcd",
      plan: { tasks: [{ name: "y0" }, { name: "y1" }] },
      view: { step: 2 },
    });
  });
  test("an unknown run is wrong usage, exit 2", async () => {
    expect(await captured(show, "nope", ...at)).toMatchObject({ exit: 2, failure: 'EG-2301 no run is called "nope"' });
  });
});

describe("logs", () => {
  test("log and events are told in the order of time, from a level on", async () => {
    const { out } = await captured(logs, "abcd", ...at);
    const told = out
      .trimEnd()
      .split("\n")
      .map((line) => line.slice(28));
    expect(told).toEqual([
      "info   KA 25.0 ± 3.0  ZS –  GM –",
      "info   task 1 (y0) begins: 2 steps",
      expect.stringMatching(/^info {3}saved t0000-s00000001 \(interval, /) as string,
      expect.stringMatching(/^info {3}saved t0000-s00000002 \(task_end, /) as string,
      "info   task 1 ends at step 2",
      "info   KA 50.0 ± 3.0  ZS –  GM –",
      "warn   checkpoint refused  reason=torn",
    ]);
    expect((await captured(logs, "abcd", "--level", "warn", "--json", ...at)).out).toMatch(
      /^\{"t":\d+,"level":"warn","message":"checkpoint refused","reason":"torn"\}\n$/,
    );
  });
  test("--level takes the known levels alone", async () => {
    expect(await captured(logs, "abcd", "--level", "loud", ...at)).toMatchObject({ exit: 2 });
  });
});

describe("lock", () => {
  test("the holder is told, and a living one is not robbed: exit 9", async () => {
    expect((await captured(lock, "abcd", ...at)).out).toMatch(new RegExp(`^20260101-000000-x-abcd\theld\tprocess ${process.pid} on `));
    expect(await captured(lock, "clear", "abcd", ...at)).toMatchObject({
      exit: 9,
      failure: expect.stringContaining("is in use: process") as string,
    });
    expect(made.store.find("abcd").lock().state).toBe("held");
  });
  test("a dead one is cleared, and the run then shows as died", async () => {
    const file = join(made.folder, "LOCK");
    const content = JSON.parse(readFileSync(file, "utf8")) as object;
    writeFileSync(file, JSON.stringify({ ...content, processes: [{ pid: 2 ** 22 + 1 }] }));
    expect((await captured(ls, ...at)).out.split("\n")[1]?.split("\t")[2]).toBe("died");
    expect((await captured(lock, "clear", "abcd", ...at)).out).toContain("cleared: it was held by process");
    expect(made.store.find("abcd").lock().state).toBe("free");
    expect((await captured(lock, "clear", "abcd", ...at)).out).toContain("nobody held it; nothing was cleared");
  });
  test("clear without a run, or another word before it, is wrong usage", async () => {
    expect(await captured(lock, "clear", ...at)).toMatchObject({ exit: 2 });
    expect(await captured(lock, "claer", "abcd", ...at)).toMatchObject({ exit: 2 });
  });
});
