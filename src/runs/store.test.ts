import { appendFileSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { environment, failure, losses, make, plan, retention, save } from "../../test/fixtures/runs/made-run.ts";
import { verifyCheckpoint } from "./checkpoint.ts";
import { formats } from "./formats.ts";
import { itemsPath, packItems, readItems } from "./items.ts";
import { acquireLock } from "./lock.ts";
import { RunLog } from "./log.ts";
import { readRunSpec } from "./run-spec.ts";
import { pathHints, readSpec, renderConfig } from "./spec.ts";
import { RunStore } from "./store.ts";

const place = mkdtempSync(join(tmpdir(), "store-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

test("a run folder holds what the conventions name, each file with its format", () => {
  const { writer, folder, lock } = make(place);
  save(writer, 1);
  writer.saveItems({ task: 0, state: "live", source: "s", metric: "acc1" }, [1, 0, 1]);
  writer.end({ state: "done", exit: 0 });
  lock.release();
  expect(readdirSync(folder).sort()).toEqual([
    "checkpoints",
    "config.input",
    "config.yaml",
    "env.json",
    "eval",
    "events.jsonl",
    "log.jsonl",
    "metrics.jsonl",
    "plan.json",
    "run.json",
    "samples",
  ]);
  expect(readdirSync(join(folder, "checkpoints"))).toEqual(["latest.json", "t0000-s00000001"]);
  const first = (file: string): unknown =>
    (JSON.parse(readFileSync(join(folder, file), "utf8").split("\n")[0] ?? "") as { format: unknown }).format;
  expect(["events.jsonl", "metrics.jsonl", "eval/results.jsonl", "samples/ledger.jsonl", "log.jsonl"].map(first)).toEqual([
    "events/1",
    "metrics/1",
    "results/1",
    "ledger/1",
    "log/1",
  ]);
  const whole = (file: string): unknown => (JSON.parse(readFileSync(join(folder, file), "utf8")) as { format: unknown }).format;
  expect(
    [
      "run.json",
      "plan.json",
      "env.json",
      "checkpoints/latest.json",
      "checkpoints/t0000-s00000001/manifest.json",
      "checkpoints/t0000-s00000001/state.json",
    ].map(whole),
  ).toEqual(["run/1", "plan/1", "env/1", "latest/1", "manifest/1", "state/1"]);
  expect(readFileSync(join(folder, "run.json"), "utf8")).not.toContain(place);
});

test("a number that is not finite is never written", () => {
  const { store, writer, lock } = make(place);
  const append = (): void => writer.append({ type: "step", task: 0, step: 1, samples: 1, losses: { loss: Number.NaN }, learningRate: 0.1 });
  expect(failure(append)).toEqual(["numerics", "EG-7301 task 0, step 1: train/loss is NaN, expected a finite number"]);
  writer.end({ state: "failed", exit: 7, code: "EG-7301", message: "NaN" });
  lock.release();
  expect(store.find("one").metrics()).toEqual([]);
  expect(store.find("one").record()).toMatchObject({ state: "failed", exit: 7, attempts: [{ exit: 7, code: "EG-7301" }] });
});

test("runs are found by id, by a unique end, as the latest and by path, also after a move", () => {
  let now = Date.UTC(2026, 0, 2, 3, 4, 5);
  const store = new RunStore(mkdtempSync(join(place, "runs-")), { clock: () => now++ * 1000, random: () => Uint8Array.of(20, 3, 15, 22) });
  expect(
    new RunStore(place, { clock: () => Date.UTC(2026, 0, 2, 3, 4, 5), random: () => Uint8Array.of(19, 3, 15, 22) }).newId("photos"),
  ).toBe("20260102-030405-photos-k3fp");
  now = 1_700_000_000;
  for (const id of ["20260101-000000-a-k3fq", "20260102-000000-b-x3fq", "20260103-000000-c-zzzz"]) {
    const { writer, lock } = make(place, id, { store });
    writer.close();
    lock.release();
  }
  const idOf = (reference: string): string => store.find(reference).record().id;
  expect([idOf("k3fq"), idOf("20260102-000000-b-x3fq"), idOf("latest"), idOf("zz")]).toEqual([
    "20260101-000000-a-k3fq",
    "20260102-000000-b-x3fq",
    "20260103-000000-c-zzzz",
    "20260103-000000-c-zzzz",
  ]);
  expect(failure(() => store.find("3fq"))).toEqual(["usage", 'EG-2301 "3fq" fits 2 runs: 20260101-000000-a-k3fq, 20260102-000000-b-x3fq']);
  expect(failure(() => store.find("none"))[0]).toBe("usage");
  expect(failure(() => store.find(""))[0]).toBe("usage");
  expect(failure(() => store.find("./none"))[0]).toBe("usage");
  expect(failure(() => store.folderOf("p", "../x"))[0]).toBe("usage");
  expect(failure(() => new RunStore(join(place, "nowhere")).find("latest"))[0]).toBe("usage");
  renameSync(store.folderOf("p", "20260101-000000-a-k3fq"), join(place, "moved"));
  expect(store.find(join(place, "moved")).record().id).toBe("20260101-000000-a-k3fq");
  writeFileSync(join(store.folderOf("p", "20260102-000000-b-x3fq"), "run.json"), "{");
  expect(store.list().runs.map((run) => run.record().id)).toEqual(["20260103-000000-c-zzzz"]);
  expect(store.list().unreadable).toHaveLength(1);
});

test("an id that exists and a folder that another process writes are conflicts", () => {
  const { store, writer, lock } = make(place);
  const again = (): unknown =>
    store.create({ lock, id: "one", name: "x", project: "p", plan, config: "", inputs: [], environment, retention, versions: {} });
  expect(failure(again)).toEqual(["conflict", "EG-9302 a run one exists in p"]);
  expect(failure(() => acquireLock(store.folderOf("p", "one")))[0]).toBe("conflict");
  writer.close();
  lock.release();
  expect(failure(again)[0]).toBe("conflict");
});

test("a folder that holds something else is not taken for a run's, and nothing in it is touched", () => {
  const store = new RunStore(mkdtempSync(join(place, "runs-")));
  const lock = acquireLock(store.folderOf("p", "photos"));
  writeFileSync(join(lock.folder, "a.jpg"), "x");
  expect(
    failure(() =>
      store.create({ lock, id: "photos", name: "x", project: "p", plan, config: "", inputs: [], environment, retention, versions: {} }),
    )[0],
  ).toBe("conflict");
  expect(readdirSync(lock.folder).sort()).toEqual(["LOCK", "a.jpg"]);
  lock.release();
});

test("a stored configuration is found again with its folder moved, its data moved along, or its data left behind", () => {
  const tree = join(place, "tree");
  const store = new RunStore(join(tree, "runs"), { freeBytes: () => 1e12 });
  const request = { env: {}, cwd: place, presets: place };
  const folder = store.folderOf("p", "one");
  const lock = acquireLock(folder);
  writeFileSync(join(tree, "data.tsv"), "");
  writeFileSync(join(tree, "run.yaml"), "model: {arch: B, init: random}\nstream: {from: data.tsv}\nbudget: {total: 1 steps}\n");
  const parsed = readSpec({ ...request, files: [join(tree, "run.yaml")] });
  lock.release();
  const { writer, lock: second } = make(place, "one", { store, config: renderConfig(parsed, folder, {}), paths: pathHints(parsed, {}) });
  writer.close();
  second.release();
  expect(readRunSpec(folder, request).spec).toEqual(parsed.spec);
  expect(readRunSpec(relative(process.cwd(), folder), request).spec).toEqual(parsed.spec);
  cpSync(tree, join(place, "tree2"), { recursive: true });
  expect(readRunSpec(join(place, "tree2/runs/p/one"), request).spec.stream.from).toBe(join(place, "tree2/data.tsv"));
  cpSync(folder, join(place, "alone"), { recursive: true });
  expect(readRunSpec(join(place, "alone"), request).spec.stream.from).toBe(join(tree, "data.tsv"));
});

test("a torn last line is left out, any other damage is told with its line", () => {
  const { store, writer, folder, lock } = make(place);
  save(writer, 1);
  writer.close();
  lock.release();
  appendFileSync(join(folder, "metrics.jsonl"), '{"t":1,"ta');
  expect(losses(store.find("one"))).toEqual([1]);
  appendFileSync(join(folder, "metrics.jsonl"), "\n{}\n");
  expect(failure(() => store.find("one").metrics())).toEqual(["data", "EG-4301 metrics.jsonl: line 4 is not JSON: it was altered"]);
});

test("the log drops lines below its level and rotates by size", () => {
  const folder = mkdtempSync(join(place, "log-"));
  const log = new RunLog(folder, { level: "warn", rank: 3, maxBytes: 10_000, keep: 2, clock: () => 5 });
  for (let i = 0; i < 60; i++) {
    log.write("info", "quiet");
    log.write("warn", `${i} ${"x".repeat(1000)}`);
  }
  log.close();
  expect(readdirSync(folder).sort()).toEqual(["log.r0003.1.jsonl", "log.r0003.2.jsonl", "log.r0003.jsonl"]);
  const text = readFileSync(join(folder, "log.r0003.1.jsonl"), "utf8");
  expect(text.length).toBeLessThan(16_000);
  expect(text).not.toContain("quiet");
  expect(text.startsWith('{"format":"log/1"}\n{"t":5,"level":"warn","message":"')).toBe(true);
});

test("per-item outcomes survive packing, at any count, and names stay inside the folder", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 70 }), (outcomes) => {
      const path = join(place, "x.bits");
      writeFileSync(path, packItems(outcomes));
      expect([...readItems(path)]).toEqual(outcomes.map(Number));
    }),
    { numRuns: 50 },
  );
  expect(itemsPath({ task: -1, state: "live", source: "../a b", metric: "r@5" })).toBe("eval/items/start-live-..+2fa+20b-r@5.bits");
  writeFileSync(join(place, "x.bits"), packItems([1, 1]).subarray(0, -1));
  expect(() => readItems(join(place, "x.bits"))).toThrow("holds 0 bytes for 2 items");
});

test("files of format 1 are read as they were written", () => {
  const reader = new RunStore("test/fixtures/runs/v1").find("20260101-000000-fixture-0000");
  expect(formats).toEqual({
    run: 1,
    plan: 1,
    env: 1,
    events: 1,
    metrics: 1,
    results: 1,
    ledger: 1,
    log: 1,
    items: 1,
    state: 1,
    manifest: 1,
    latest: 1,
    lock: 1,
    trial: 2,
    object: 1,
  });
  expect(reader.record()).toMatchObject({ id: "20260101-000000-fixture-0000", state: "done", exit: 0 });
  expect(reader.plan().hash).toBe("a".repeat(64));
  expect(reader.events().map(({ type }) => type)).toEqual(["started", "step", "evaluated", "saved", "finished"]);
  expect(reader.results()[0]).toMatchObject({ dataset: "s", metric: "acc1", value: 0.5, n: 2 });
  expect(reader.ledger()).toEqual([{ task: 0, s: 1, source: "update", pass: 0, n: 4 }]);
  expect(verifyCheckpoint(reader.folder, "t0000-s00000001")).toMatchObject({ step: 1, state: { step: 1 } });
  expect([...readItems(join(reader.folder, reader.results()[0]?.items ?? ""))]).toEqual([1, 0]);
  expect(existsSync(join(reader.folder, "LOCK"))).toBe(false);
});
