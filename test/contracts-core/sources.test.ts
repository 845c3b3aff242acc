import { mkdtempSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { createLoader, type LoaderPlan, type RowRequest } from "../../src/data/loader.ts";
import { openSources } from "../../src/data/open-sources.ts";
import { ImageReader } from "../../src/data/read-image.ts";
import { type DataSource, type SampleRecord, sources } from "../../src/data/source.ts";
import { preprocessOf } from "../../src/data/transform.ts";
import type { ComponentSpec } from "../../src/util/component.ts";
import { sha256 } from "../../src/util/hash.ts";
import { createRandom } from "../../src/util/random.ts";
import { ownCache } from "../fixtures/data/own-cache.ts";
import { judgedParts, shippedParts } from "../fixtures/judged-parts.ts";
import { type FixtureVariant, fixtureImages, type SourceFixture } from "./sources/fixture.ts";

const fixtureFolder = new URL("./sources/", import.meta.url);
const fixtureNames = readdirSync(fileURLToPath(fixtureFolder)).map((file) => file.replace(/\.ts$/, ""));
const root = ownCache("sources-");
const names = judgedParts("source");
/** A source of a user's own has its fixture beside it. */
const fixtureFile = (name: string): string =>
  sources
    .pluginFiles()
    .get(name)
    ?.href.replace(/\.\w+$/, ".fixture.mjs") ?? new URL(`${name}.ts`, fixtureFolder).href;

test("every source has a fixture, and no fixture is left without a source", () => {
  expect(fixtureNames.filter((name) => name !== "fixture").sort()).toEqual(shippedParts("source"));
});

const recordsOf = (all: readonly DataSource[]): SampleRecord[] =>
  all.flatMap((source) => [...source.records("train"), ...source.records("test")]);
const idsOf = (all: readonly DataSource[]): string[] => recordsOf(all).map(({ id }) => id);

describe.each(names)("source %s", (name) => {
  let fixture: SourceFixture;
  let spec: ComponentSpec;
  let opened: readonly DataSource[];

  const made = async (variant: FixtureVariant): Promise<{ spec: ComponentSpec; opened: readonly DataSource[] }> => {
    const fresh = mkdtempSync(join(root, `${name}-`));
    const made = await fixture.make(fresh, variant, await fixtureImages(variant));
    const named = fixture.hasPath ? { ...made, ...{ testShare: 0 } } : made;
    return { spec: named, opened: await openNamed(named) };
  };
  // A data set is named by its folder; all copies get one name here, as a moved folder keeps its own.
  const openNamed = async (given: ComponentSpec): Promise<readonly DataSource[]> => {
    const definition = await sources.load(name);
    const { name: _, ...options } = given;
    return definition.open(definition.options.parse(fixture.hasPath ? { ...options, name: "animals" } : options));
  };

  beforeAll(async () => {
    fixture = ((await import(fixtureFile(name))) as { default: SourceFixture }).default;
    ({ spec, opened } = await made({}));
  });

  test("describes itself and refuses an unknown option", async () => {
    const definition = await sources.load(name);
    expect(definition.summary.length).toBeGreaterThan(10);
    expect(definition.options.safeParse({ path: "x", no_such_option: 1 }).success).toBe(false);
  });

  test("ids are unique, carry the data set's name and are sorted in each split", () => {
    const ids = idsOf(opened);
    expect(ids.length).toBeGreaterThanOrEqual(6);
    expect(new Set(ids).size).toBe(ids.length);
    for (const source of opened)
      for (const split of ["train", "test"] as const) {
        const own = source.records(split).map(({ id }) => id);
        expect(own).toEqual([...own].sort());
        expect(own.every((id) => id.startsWith(`${source.name}/`))).toBe(true);
      }
  });

  test("every sample has a caption, and a class of the source's list where there are classes", () => {
    for (const source of opened)
      for (const record of recordsOf([source])) {
        expect(record.captions.length, record.id).toBeGreaterThan(0);
        expect(record.captions.every((caption) => caption.trim().length > 0)).toBe(true);
        if (source.task === "classification") expect(source.classNames).toContain(record.className);
      }
  });

  test("concepts hold each training sample once", () => {
    for (const source of opened) {
      const held = source.concepts().flatMap(({ samples }) => samples);
      expect([...held].sort()).toEqual(source.records("train").map(({ id }) => id));
    }
  });

  test("ids and fingerprint are the same for another copy whose files come in another order", async () => {
    const other = await made({ reversed: true });
    expect(idsOf(other.opened)).toEqual(idsOf(opened));
    expect(recordsOf(other.opened).map(({ captions, className, split }) => ({ captions, className, split }))).toEqual(
      recordsOf(opened).map(({ captions, className, split }) => ({ captions, className, split })),
    );
    const again = await made({});
    expect(again.opened.map(({ fingerprint }) => fingerprint)).toEqual(opened.map(({ fingerprint }) => fingerprint));
  });

  test("the fingerprint changes when the data does", async () => {
    if (!fixture.canBreak) return;
    const changed = await made({ changed: true });
    expect(changed.opened.map(({ fingerprint }) => fingerprint)).not.toEqual(opened.map(({ fingerprint }) => fingerprint));
    const broken = await made({ broken: true });
    expect(broken.opened.map(({ fingerprint }) => fingerprint)).not.toEqual(opened.map(({ fingerprint }) => fingerprint));
  });

  test("random access gives what sequential access gives", async () => {
    const records = recordsOf(opened).slice(0, 64);
    const reader = new ImageReader();
    const digest = async (use: ImageReader, record: SampleRecord): Promise<string> =>
      sha256((await (await use.open(record.image)).pixels()).data as Uint8Array);
    const sequential: string[] = [];
    for (const record of records) sequential.push(await digest(reader, record));
    const order = createRandom(3).at("test/order").permutation(records.length);
    for (const i of order) expect(await digest(new ImageReader(), records[i] as SampleRecord), records[i]?.id).toBe(sequential[i]);
    expect(new Set(sequential).size).toBeGreaterThan(1);
  });

  test("a scheme string and the bare path open the same data", async () => {
    if (!fixture.hasPath) return;
    const path = String(spec.path);
    const byScheme = await openSources(`${name}:${path}`, "/");
    expect(idsOf(byScheme)).toHaveLength(idsOf(opened).length);
    // A user's own source need not recognise what has no scheme.
    if (sources.pluginFiles().has(name) && !(await sources.load(name)).recognises(path)) return;
    expect(recordsOf(await openSources(path, "/")).map(({ id }) => id)).toEqual(idsOf(byScheme));
    expect((await sources.load(name)).recognises(fileURLToPath(import.meta.url))).toBe(false);
  });

  test("an unreadable image is named when it is refused, and skipped with its name when it may be", async () => {
    if (!fixture.canBreak) return;
    const { opened: broken } = await made({ broken: true });
    const records = recordsOf(broken);
    const reader = new ImageReader();
    const failures: string[] = [];
    for (const record of records)
      await reader
        .open(record.image)
        .then((image) => image.pixels())
        .catch((error: Error) => failures.push(`${record.id}|${error.message}`));
    expect(failures).toHaveLength(1);
    const bad = failures[0]?.split("|")[0];
    const loader = await createLoader({
      seed: 0,
      preprocess: preprocessOf({ size: 8 }),
      transforms: { test: { name: "none" } },
      maxRows: 16,
      workers: 1,
    });
    try {
      const rows: RowRequest[] = records.map((record, index) => ({
        id: record.id,
        image: record.image,
        transform: "test",
        draws: { purpose: "crop/update", task: 0, index },
      }));
      const plan: LoaderPlan = { firstStep: 0, rowsAt: (step) => (step === 0 ? rows : undefined) };
      loader.start(plan);
      expect(() => loader.take(0)).toThrow(bad);
      loader.start({ ...plan, replace: (row) => rows[(rows.findIndex(({ id }) => id === row.id) + 1) % rows.length] });
      const batch = loader.take(0);
      expect(batch?.skipped.map(({ id }) => id)).toEqual([bad]);
      expect(batch?.rows.some(({ id }) => id === bad)).toBe(false);
    } finally {
      await loader.close();
    }
  });
});
