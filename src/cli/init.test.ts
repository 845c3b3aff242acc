import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { captured } from "../../test/fixtures/cli/captured.ts";
import { openSources } from "../data/open-sources.ts";
import { presetFolder } from "../pipeline/preset-folder.ts";
import { readSpec } from "../runs/spec.ts";
import * as explain from "./commands/explain.ts";
import * as init from "./commands/init.ts";

const before = process.cwd();
const places: string[] = [];
beforeEach(() => {
  places.push(mkdtempSync(join(tmpdir(), "init ä-")));
  process.chdir(places.at(-1) ?? "");
});
afterAll(() => {
  process.chdir(before);
  for (const place of places) rmSync(place, { recursive: true, force: true });
});

async function images(folder: string, count: number): Promise<readonly string[]> {
  mkdirSync(folder, { recursive: true });
  const names = Array.from({ length: count }, (_, i) => join(folder, `${i}.png`));
  for (const [i, name] of names.entries())
    await sharp({ create: { width: 4, height: 4, channels: 3, background: { r: i, g: 2 * i, b: 9 } } })
      .png()
      .toFile(name);
  return names;
}

const spec = (): ReturnType<typeof readSpec>["spec"] =>
  readSpec({ files: ["evergreen.yaml"], env: {}, cwd: process.cwd(), presets: presetFolder }).spec;

describe("init", () => {
  test("a folder of classes becomes a commented run file that reads, with a tenth for testing", async () => {
    for (const name of ["red fox", "grey_wolf", "lynx"]) await images(join("my photos", name), 30);
    const { exit, out } = await captured(init, "--from", "my photos");
    expect(exit).toBe(0);
    expect(out).toMatch(/found\t90 images in one data set, 3 classes/);
    const text = readFileSync("evergreen.yaml", "utf8");
    expect(text).toMatch(/^# yaml-language-server: \$schema=\.\/\.evergreen\/schema\.json\n/);
    expect(text.split("\n").length).toBeLessThan(45);
    expect((text.match(/#/g) ?? []).length).toBeGreaterThan(10);
    const written = parseYaml(text) as { readonly stream: object; readonly model: object };
    expect(written.stream).toMatchObject({ from: "folder:./my photos?test=0.1", tasks: 3 });
    expect(written.model).toMatchObject({ arch: "mini-flux", init: "preset:mini-flux-base" });
    const schema = JSON.parse(readFileSync(join(".evergreen", "schema.json"), "utf8")) as { readonly properties: object };
    expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(Object.keys(written)));
    const [set] = await openSources(spec().stream.from, "/");
    const test = set?.records("test").length ?? 0;
    expect(test).toBeGreaterThan(0);
    expect(test + (set?.records("train").length ?? 0)).toBe(90);
  });
  test("data with a test split of its own gets no share, and dated data a task a year", async () => {
    const names = await images("pictures", 6);
    const rows = names.map((name, i) => [name, "a thing", `c${i % 2}`, i < 4 ? "train" : "test", 2019 + (i % 2)].join("\t"));
    writeFileSync("data.tsv", ["filepath\ttitle\tclass\tsplit\tyear", ...rows].join("\n"));
    const { out } = await captured(init, "--from", "data.tsv", "--json");
    expect(JSON.parse(out)).toMatchObject({ from: "table:./data.tsv", train: 4, test: 2, concepts: 2 });
    expect(spec().stream.tasks).toBeUndefined();
    expect(spec().data.batchSize).toBe(4);
  });
  test("a file that is there stays, exit 9; --force replaces it", async () => {
    await images("photos/a", 3);
    writeFileSync("evergreen.yaml", "mine\n");
    expect(await captured(init, "--from", "photos")).toMatchObject({ exit: 9, failure: "EG-9401 evergreen.yaml is there already" });
    expect(readFileSync("evergreen.yaml", "utf8")).toBe("mine\n");
    expect(existsSync(".evergreen")).toBe(false);
    expect((await captured(init, "--from", "photos", "--force")).exit).toBe(0);
  });
  test("no data, no such data, no such model and a wrong share are told by their codes", async () => {
    await images("photos/a", 3);
    expect((await captured(init)).exit).toBe(2);
    expect(await captured(init, "--from", "nothing")).toMatchObject({
      exit: 4,
      failure: "EG-4101 nothing: there is no such file or folder",
    });
    expect((await captured(init, "--from", "photos", "--model", "no.safetensors")).exit).toBe(4);
    expect((await captured(init, "--from", "photos", "--test", "2")).exit).toBe(2);
    expect(existsSync("evergreen.yaml")).toBe(false);
  });
});

describe("explain", () => {
  test("every value has its origin: file and line, --set, EVERGREEN_SET, built in", async () => {
    writeFileSync("run.yaml", "model:\n  arch: mini-flux\n  init: random\nstream: {from: mini-flux}\nbudget: {total: 3 steps}\n");
    const { out } = await captured(explain, "-C", "run.yaml", "--set", "optim.lr=1e-4");
    const rows = out.split("\n").map((line) => line.split("\t"));
    const row = (key: string): readonly string[] | undefined => rows.find(([name]) => name === key)?.slice(1);
    expect(row("model.init")).toEqual(["random", "run.yaml:3:9"]);
    expect(row("stream.from")).toEqual(["mini-flux", "run.yaml:4:16"]);
    expect(row("optim.lr")).toEqual(["0.0001", "--set"]);
    expect(row("seed")).toEqual(["0", "built in"]);
  });
  test("a wrong value is exit 3 with its place, no file exit 2", async () => {
    writeFileSync(
      "run.yaml",
      "model:\n  arch: mini-flux\n  init: random\n  precison: fp32\nstream: {from: mini-flux}\nbudget: {total: 3 steps}\n",
    );
    expect(await captured(explain, "-C", "run.yaml")).toMatchObject({ exit: 3, failure: expect.stringContaining("precison") as string });
    expect((await captured(explain)).exit).toBe(2);
  });
});
