import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatManifest, parseManifest } from "../streams/manifest.ts";
import { appendToStream, buildStream, type StreamPlaces } from "./build-stream.ts";
import { streamOf } from "./stream-of.ts";
import { openStreamSource, type StreamSource } from "./stream-source.ts";
import { heldOutSets, testsOfRun } from "./stream-tests.ts";

const root = mkdtempSync(join(tmpdir(), "stream-"));
const env = { EVERGREEN_CACHE: join(root, "cache"), HOME: root };
const out = join(root, "streams", "stream.json");
const places = (...from: readonly string[]): StreamPlaces => ({ from, base: root, out, env });

async function photos(folder: string, classes: readonly string[]): Promise<void> {
  for (const [i, name] of classes.entries()) {
    mkdirSync(join(root, folder, name), { recursive: true });
    for (let k = 0; k < 3; k++) {
      const background = { r: 40 * i, g: 80 * k, b: 20 * (i + k) };
      await sharp({ create: { width: 8, height: 8, channels: 3, background } })
        .png()
        .toFile(join(root, folder, name, `${k}.png`));
    }
  }
}

beforeAll(async () => {
  mkdirSync(join(root, "streams"));
  await photos("zoo", ["ant", "bee", "cat", "dog"]);
  await photos("more", ["emu", "fox"]);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const idsOf = (tasks: readonly { readonly concepts: readonly { readonly id: string }[] }[]): string[][] =>
  tasks.map(({ concepts }) => concepts.map(({ id }) => id));
const plain = { order: "given", tasks: 2 };

describe("a built stream", () => {
  test("is run as it was built, wherever its folder is read from", async () => {
    const manifest = await buildStream(places("./zoo"), { stream: { order: { name: "random", reverse: true }, tasks: 2 }, seed: 3 });
    expect(manifest.sources.map(({ from }) => from)).toEqual(["../zoo"]);
    writeFileSync(out, formatManifest(manifest));
    const source = await openStreamSource("./streams/stream.json", root);
    const stream = await streamOf({ stream: { from: out, order: "given" }, seed: 0 }, source.sets, source.manifest);
    expect(idsOf(stream.tasks)).toEqual(idsOf(manifest.tasks));
    const again = await buildStream(places("./zoo"), { stream: { order: { name: "random", reverse: true }, tasks: 2 }, seed: 3 });
    expect(again.digest).toBe(manifest.digest);
  });

  test("grows by a task and names its parent; nothing new is refused", async () => {
    const manifest = await buildStream(places("./zoo"), { stream: plain, seed: 0 });
    writeFileSync(out, formatManifest(manifest));
    const old = { file: out, manifest: parseManifest(readFileSync(out, "utf8"), out) };
    const longer = await appendToStream(old, places("./more"));
    expect(longer.parent).toBe(manifest.digest);
    expect(idsOf(longer.tasks)).toEqual([...idsOf(manifest.tasks), ["more/emu", "more/fox"]]);
    expect(longer.sources.map(({ from }) => from)).toEqual(["../zoo", "../more"]);
    await expect(appendToStream(old, places("./zoo"))).rejects.toThrow(/all 4 concepts are in the stream already/);
  });

  test("takes the concepts that a stream file lists, in its order", async () => {
    writeFileSync(join(root, "list.json"), JSON.stringify(["ZOO+++dog", "more+++emu", "zoo+++ant"]));
    const manifest = await buildStream(places("./zoo", "./more"), {
      stream: { order: { name: "given" }, tasks: 2 },
      seed: 0,
      list: "list.json",
    });
    expect(idsOf(manifest.tasks)).toEqual([["zoo/dog", "more/emu"], ["zoo/ant"]]);
  });
});

describe("a stream with its tests", () => {
  const from = ["folder:./dated?role=adapt", "folder:./held?role=eval"];

  test("tells them by task and beside it, says where they changed, and keeps telling them when it grows", async () => {
    await photos("dated/train", ["ant", "bee"]);
    await photos("dated/test", ["ant", "bee"]);
    await photos("held/test", ["cup"]);
    await photos("held/train", ["cup"]);
    const manifest = await buildStream(places(...from), { stream: plain, seed: 0, withTests: true });
    expect(idsOf(manifest.tasks)).toEqual([["dated/ant"], ["dated/bee"]]);
    expect(manifest.tests?.static.samples).toBe(3);
    expect(manifest.tests?.dynamic.map(({ samples }) => samples)).toEqual([3, 3]);
    expect(manifest.digest).not.toBe((await buildStream(places(...from), { stream: plain, seed: 0 })).digest);
    writeFileSync(out, formatManifest(manifest));
    // A place that the stream takes nothing from is not named; its tests are found where it is given as one of them.
    const source = await openStreamSource("./streams/stream.json", root);
    const asBuilt = await streamOf({ stream: { from: out, order: "given" }, seed: 0 }, source.sets, source.manifest);
    const evaluated = async ({ sets, places: where, folder }: StreamSource) => [...sets, ...(await heldOutSets(where, folder))];
    const run = async (of: StreamSource) => ({ ...of, streamed: of.sets, pretraining: [], evaluated: await evaluated(of) });
    const tests = testsOfRun(await run(source), asBuilt, "test");
    expect(tests.dynamic).toEqual([
      ["dated/test/ant/0.png", "dated/test/ant/1.png", "dated/test/ant/2.png"],
      ["dated/test/bee/0.png", "dated/test/bee/1.png", "dated/test/bee/2.png"],
    ]);
    expect(tests.static).toEqual(["held/test/cup/0.png", "held/test/cup/1.png", "held/test/cup/2.png"]);
    const longer = await appendToStream({ file: out, manifest }, places("./more"));
    expect(longer.tests?.dynamic.map(({ samples }) => samples)).toEqual([3, 3, 0]);
    expect(longer.tests?.static).toEqual(manifest.tests?.static);
    rmSync(join(root, "dated/test/ant/1.png"));
    const now = await openStreamSource("./streams/stream.json", root);
    const again = await streamOf({ stream: { from: out, order: "given" }, seed: 0 }, now.sets, now.manifest);
    const changed = await run(now);
    expect(() => testsOfRun(changed, again, "test")).toThrow(/task 1: 2 test samples, 3 others when the stream was built/);
    // What is held back for validation is no test that was built.
    expect(testsOfRun(changed, again, "validation").dynamic.map((ids) => ids.length)).toEqual([2, 3]);
  });
});
