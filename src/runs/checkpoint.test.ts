import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { failure, losses, make, retention, save } from "../../test/fixtures/runs/made-run.ts";
import { newestCheckpoint } from "./checkpoint.ts";
import { RunStore } from "./store.ts";

const place = mkdtempSync(join(tmpdir(), "store-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

test("of checkpoints the newest stay, and those of task ends for good", () => {
  const { writer, folder, lock } = make(place);
  for (const step of [1, 2, 3, 4, 5]) save(writer, step, step === 2 ? "task_end" : "interval");
  writer.close();
  lock.release();
  expect(readdirSync(join(folder, "checkpoints")).sort()).toEqual(["latest.json", "t0000-s00000002", "t0000-s00000004", "t0000-s00000005"]);
  expect(JSON.parse(readFileSync(join(folder, "checkpoints/latest.json"), "utf8"))).toMatchObject({
    name: "t0000-s00000005",
    task: 0,
    step: 5,
  });
});

test.each<readonly [string, (folder: string) => void, string]>([
  [
    "a changed byte",
    (folder) => writeFileSync(join(folder, "model.safetensors"), "weightz 3"),
    "model.safetensors: its digest is not the one in the manifest",
  ],
  ["a shorter file", (folder) => writeFileSync(join(folder, "model.safetensors"), "w"), "model.safetensors: holds 1 bytes, expected 9"],
  ["a missing file", (folder) => rmSync(join(folder, "model.safetensors")), "model.safetensors: is missing"],
  ["no manifest", (folder) => rmSync(join(folder, "manifest.json")), "manifest.json: cannot be read (ENOENT)"],
  ["a torn manifest", (folder) => writeFileSync(join(folder, "manifest.json"), "{"), "manifest.json: is not JSON: it was torn or altered"],
  [
    "a manifest that leaves the folder",
    (folder) =>
      writeFileSync(
        join(folder, "manifest.json"),
        readFileSync(join(folder, "manifest.json"), "utf8").replace("model.safe", "../model.safe"),
      ),
    "is no name inside the folder",
  ],
  [
    "a later format",
    (folder) =>
      writeFileSync(join(folder, "manifest.json"), readFileSync(join(folder, "manifest.json"), "utf8").replace("manifest/1", "manifest/2")),
    "format manifest/2 is later than manifest/1",
  ],
  [
    "a shorter journal",
    (folder) => writeFileSync(join(folder, "../../metrics.jsonl"), readFileSync(join(folder, "../../metrics.jsonl")).subarray(0, 350)),
    "metrics.jsonl: holds 350 bytes, expected at least",
  ],
])("%s makes a checkpoint refused, and the one before is resumed", (_, spoil, reason) => {
  const { store, writer, folder, lock } = make(place);
  for (const step of [1, 2, 3]) save(writer, step);
  writer.append({ type: "step", task: 0, step: 4, samples: 4, losses: { loss: 4 }, learningRate: 0.1 });
  writer.close();
  spoil(join(folder, "checkpoints/t0000-s00000003"));
  const { writer: again, checkpoint, refused } = store.resume(folder, { lock, retention });
  expect([checkpoint?.name, checkpoint?.state]).toEqual(["t0000-s00000002", { step: 2 }]);
  expect(refused.map(({ name }) => name)).toEqual(["t0000-s00000003"]);
  expect(refused[0]?.reason).toContain(reason);
  expect(losses(store.find("one"))).toEqual([1, 2]);
  save(again, 3);
  again.end({ state: "done", exit: 0 });
  lock.release();
  expect(losses(store.find("one"))).toEqual([1, 2, 3]);
  expect(newestCheckpoint(folder).refused).toEqual([]);
  expect(readdirSync(join(folder, "checkpoints")).filter((name) => name.startsWith("."))).toEqual([]);
  expect(
    store
      .find("one")
      .record()
      .attempts.map(({ from, exit }) => [from, exit]),
  ).toEqual([
    [undefined, undefined],
    ["t0000-s00000002", 0],
  ]);
  expect(
    store
      .find("one")
      .events()
      .filter(({ type }) => type === "saved"),
  ).toHaveLength(3);
});

test("a run whose checkpoints are all spoilt is refused with every reason; one that has none starts anew", () => {
  const { store, writer, folder, lock } = make(place);
  save(writer, 1);
  writer.close();
  rmSync(join(folder, "checkpoints/t0000-s00000001/manifest.json"));
  expect(failure(() => store.resume(folder, { lock, retention }))).toEqual([
    "data",
    expect.stringContaining("EG-4302 no checkpoint of one can be used (t0000-s00000001: manifest.json"),
  ]);
  rmSync(join(folder, "checkpoints/t0000-s00000001"), { recursive: true });
  const { writer: again, checkpoint } = store.resume(folder, { lock, retention });
  expect(checkpoint).toBeUndefined();
  expect(store.find("one").events()).toEqual([]);
  again.close();
  lock.release();
});

test("going back to an older checkpoint puts the later ones aside until the next is complete", () => {
  const { store, writer, folder, lock } = make(place);
  for (const step of [1, 2]) save(writer, step, "task_end");
  writer.close();
  const { writer: again, checkpoint } = store.resume(folder, { lock, retention, from: "t0000-s00000001" });
  expect(checkpoint?.step).toBe(1);
  expect(readdirSync(join(folder, "checkpoints")).sort()).toEqual([".aside-t0000-s00000002", "latest.json", "t0000-s00000001"]);
  save(again, 2);
  expect(readdirSync(join(folder, "checkpoints")).sort()).toEqual(["latest.json", "t0000-s00000001", "t0000-s00000002"]);
  again.close();
  expect(failure(() => store.resume(folder, { lock, retention, from: "t0009-s00000001" }))).toEqual([
    "usage",
    "EG-2301 the run has no checkpoint t0009-s00000001",
  ]);
  lock.release();
});

test("two states at one step both stay, the second with a name of its own", () => {
  const { store, writer, folder, lock } = make(place);
  expect([save(writer, 7), save(writer, 7, "task_end")]).toEqual(["t0000-s00000007", "t0000-s00000007.2"]);
  writer.close();
  const { checkpoint, writer: again } = store.resume(folder, { lock, retention });
  expect([checkpoint?.name, checkpoint?.kind]).toEqual(["t0000-s00000007.2", "task_end"]);
  again.close();
  lock.release();
});

test("a checkpoint that finds no room is refused before it begins, with sizes; the one before stands", () => {
  let free = 1e9;
  const store = new RunStore(mkdtempSync(join(place, "runs-")), { freeBytes: () => free });
  const { writer, folder, lock } = make(place, "one", { store });
  save(writer, 1);
  free = 20e6;
  expect(failure(() => save(writer, 2, "interval", 10e6))).toEqual([
    "resources",
    "EG-5301 no room for the next checkpoint: needs 26.8 MB, 20.0 MB are free",
  ]);
  expect(readdirSync(join(folder, "checkpoints"))).toEqual(["latest.json", "t0000-s00000001"]);
  free = 1e9;
  save(writer, 3);
  writer.close();
  lock.release();
  expect(losses(store.find("one"))).toEqual([1, 2, 3]);
});

test("a failure inside the trainer's own writing leaves no trace of the checkpoint", () => {
  const { writer, folder, lock } = make(place);
  const write = (path: (file: string) => string): void => {
    writeFileSync(path("a/b"), "x");
    throw new Error("mine");
  };
  expect(() => writer.saveCheckpoint({ task: 0, step: 1, kind: "stop", bytes: 1, state: {}, write })).toThrow("mine");
  expect(() => writer.saveCheckpoint({ task: 0, step: 1, kind: "stop", bytes: 1, state: {}, write: (path) => path("../x") })).toThrow(
    "internal: checkpoint",
  );
  expect(readdirSync(join(folder, "checkpoints"))).toEqual([]);
  writer.close();
  lock.release();
});
