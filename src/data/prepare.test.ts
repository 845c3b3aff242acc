import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { ownCache } from "../../test/fixtures/data/own-cache.ts";
import { sha256 } from "../util/hash.ts";
import { type FoundDataset, indexedSource } from "./indexed-source.ts";
import { openSources } from "./open-sources.ts";
import { type PrepareOptions, type PrepareResult, prepare } from "./prepare.ts";
import { ImageReader } from "./read-image.ts";
import type { DataSource, SampleRecord } from "./source.ts";
import { translatedSource } from "./worker-source.ts";

const root = ownCache("eg-prepare-");
const originals = join(root, "photos");

/** 24 pictures of two classes, one of them broken and one smaller than asked for. */
beforeAll(async () => {
  for (let i = 0; i < 24; i++) {
    const [width, height] = i === 3 ? [10, 12] : [30 + i, 40];
    const data = Buffer.from(
      Uint8Array.from({ length: width * height * 3 }, (_, at) => (i === 5 ? [200, 100, 50][at % 3] : (at * (i + 3)) % 253) as number),
    );
    const image = sharp(data, { raw: { width, height, channels: 3 } });
    const bytes = await (i % 2 === 0 ? image.jpeg() : image.png()).toBuffer();
    const folder = join(originals, i % 4 === 3 ? "test" : "train", i < 12 ? "red_fox" : "owl");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${String(i).padStart(2, "0")}.${i % 2 === 0 ? "jpg" : "png"}`), i === 6 ? bytes.subarray(0, 90) : bytes);
  }
});

const transform = { side: 20, encoding: "png", resampler: "exact" } as const;
const options = (out: string, layout: PrepareOptions["layout"] = "shards"): PrepareOptions => ({
  out: join(root, out),
  transform,
  layout,
  perPart: 5,
});
async function run(out: string, layout?: PrepareOptions["layout"]): Promise<PrepareResult> {
  return prepare(await openSources(`folder:${originals}`, "/"), options(out, layout));
}
async function opened(out: string): Promise<DataSource> {
  const [set] = await openSources(join(root, out), "/");
  if (!set) throw new Error("no set");
  return set;
}
/** Every file below a folder with its digest. */
function tree(out: string): Readonly<Record<string, string>> {
  const files = readdirSync(join(root, out), { recursive: true, encoding: "utf8" }).filter((name) =>
    statSync(join(root, out, name)).isFile(),
  );
  return Object.fromEntries(files.sort().map((name) => [name, sha256(readFileSync(join(root, out, name)))]));
}
const pictureOf = async ({ image }: SampleRecord) => (await new ImageReader().open(image)).pixels();

for (const layout of ["shards", "folder"] as const)
  test(`a copy as ${layout} has the originals' samples, classes and captions, its pictures shrunk; what is broken is left out by name`, async () => {
    const { manifest, made, found } = await run(layout, layout);
    expect([made, found]).toEqual([6, 0]);
    const [source] = await openSources(`folder:${originals}`, "/");
    const copy = await opened(layout);
    const facts = (set: DataSource | undefined) =>
      (["train", "test"] as const).flatMap(
        (split) => set?.records(split).map(({ id, className, captions }) => ({ id, className, captions, split })) ?? [],
      );
    expect(facts(copy)).toEqual(facts(source).filter(({ id }) => !id.endsWith("06.jpg")));
    expect(copy).toMatchObject({ name: "photos", task: "classification", classNames: ["owl", "red fox"] });
    expect(copy.leftOut?.map(({ item }) => item)).toEqual(["photos/train/red_fox/06.jpg"]);
    expect(manifest.sets[0]).toMatchObject({ train: 17, test: 6, unreadable: 1 });
    const flat = copy
      .records("test")
      .concat(copy.records("train"))
      .find(({ id }) => id.endsWith("05.png"));
    const shrunk = flat && (await pictureOf(flat));
    // 35 x 40 with the shorter side at 20: 20 x 22, and one colour stays one colour.
    expect([shrunk?.width, shrunk?.height]).toEqual([20, 22]);
    expect([...new Set(Array.from({ length: 440 }, (_, i) => [...(shrunk?.data.subarray(3 * i, 3 * i + 3) ?? [])].join()))]).toEqual([
      "200,100,50",
    ]);
    const small = copy.records("test").find(({ id }) => id.endsWith("03.png"));
    expect(small && sha256(await new ImageReader().bytes(small.image))).toBe(sha256(readFileSync(join(originals, "test/red_fox/03.png"))));
  });

test("digests of pictures and originals stand in the records, and the shards are read as WebDataset as well", async () => {
  const part = JSON.parse(readFileSync(join(root, "shards/photos/test-00000.json"), "utf8")) as {
    readonly samples: readonly { readonly id: string; readonly sha256: string; readonly source: string }[];
  };
  const copy = await opened("shards");
  for (const { id, sha256: digest, source } of part.samples) {
    const record = copy.records("test").find((each) => each.id === id);
    expect(record && sha256(await new ImageReader().bytes(record.image))).toBe(digest);
    expect(sha256(readFileSync(join(originals, id.slice("photos/".length))))).toBe(source);
  }
  const [tars] = await openSources(`wds:${join(root, "shards/photos/{train-00000,test-00000}.tar")}`, "/");
  expect(tars?.records("test").map(({ className }) => className)).toEqual(
    part.samples.map(({ id }) => (id.includes("owl") ? "owl" : "red fox")),
  );
});

test("made again it finds every part whole; a byte that differs is made good, and nothing else is touched", async () => {
  const first = tree("shards");
  expect(await run("shards")).toMatchObject({ made: 0, found: 6 });
  const path = join(root, "shards/photos/train-00001.tar");
  const bytes = readFileSync(path);
  bytes[700] = (bytes[700] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  expect(await run("shards")).toMatchObject({ made: 1, found: 5 });
  expect(tree("shards")).toEqual(first);
});

test("an unfinished copy is no data set yet", async () => {
  mkdirSync(join(root, "half"));
  await expect(openSources(`prepared:${join(root, "half")}`, "/")).rejects.toMatchObject({
    fix: "run evergreen data prepare again: it goes on where it stopped",
  });
});

for (const layout of ["shards", "folder"] as const)
  test(`killed in the middle and gone on with, ${layout} end with the bytes of what ran through`, async () => {
    const [source] = await openSources(`folder:${originals}`, "/");
    const samples = (["train", "test"] as const).flatMap((split) =>
      (source?.records(split) ?? []).map(({ id, ...rest }) => ({ ...rest, key: id.slice("photos/".length), bytes: 1 })),
    );
    const found: FoundDataset = { name: "photos", role: "adapt", templates: ["a photo of a {}."], samples };
    const base = (await translatedSource()).href;
    const code = `
      const { prepare } = await import(${JSON.stringify(`${base}data/prepare.js`)});
      const { indexedSource } = await import(${JSON.stringify(`${base}data/indexed-source.js`)});
      const progress = ({ done }) => process.stdout.write(done + "\\n");
      await prepare([indexedSource(${JSON.stringify(found)})], { ...${JSON.stringify(options(`killed-${layout}`, layout))}, progress });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
    let told = "";
    await new Promise<void>((resolve) => {
      child.stdout.on("data", (text: Buffer) => {
        told += text.toString();
        if (/^12$/m.test(told)) child.kill("SIGKILL");
      });
      child.on("exit", () => resolve());
    });
    expect(child.signalCode).toBe("SIGKILL");
    expect(readdirSync(join(root, `killed-${layout}`))).not.toContain("manifest.json");
    const same = indexedSource(found);
    const resumed = await prepare([same], options(`killed-${layout}`, layout));
    expect(resumed.found).toBeGreaterThan(0);
    expect(resumed.made).toBeGreaterThan(0);
    await prepare([same], options(`through-${layout}`, layout));
    expect(tree(`killed-${layout}`)).toEqual(tree(`through-${layout}`));
  });
