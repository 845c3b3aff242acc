import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pack } from "tar-stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSources, planSources } from "../open-sources.ts";
import { sizeOf } from "../source.ts";

const root = mkdtempSync(join(tmpdir(), "eg-pool-"));
const before = { cache: process.env.EVERGREEN_CACHE, data: process.env.EVERGREEN_DATA };
beforeAll(async () => {
  process.env.EVERGREEN_CACHE = join(root, "cache");
  process.env.EVERGREEN_DATA = root;
  for (const shard of ["00000", "00001"]) {
    const tar = pack();
    for (const key of ["a", "b", "c"]) {
      tar.entry({ name: `${key}.jpg` }, `picture ${shard} ${key}`);
      tar.entry({ name: `${key}.txt` }, `caption of ${key}`);
    }
    tar.entry({ name: "d.jpg" }, "nobody describes it");
    tar.finalize();
    const parts: Buffer[] = [];
    for await (const part of tar) parts.push(part as Buffer);
    mkdirSync(join(root, "pools/cc3m"), { recursive: true });
    writeFileSync(join(root, "pools/cc3m", `${shard}.tar`), Buffer.concat(parts));
  }
});
afterAll(() => {
  for (const [name, value] of [["EVERGREEN_CACHE", before.cache] as const, ["EVERGREEN_DATA", before.data] as const])
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  rmSync(root, { recursive: true, force: true });
});

test("a pool in the data root is opened under its handle as a pool; pairs without a caption are left out by name", async () => {
  const [cc3m, ...others] = await openSources("pool:cc3m", "/");
  expect(others).toEqual([]);
  expect(cc3m).toMatchObject({ name: "cc3m", role: "pool", task: "caption" });
  expect(cc3m?.records("train").map(({ id }) => id)).toEqual(
    ["00000", "00001"].flatMap((shard) => ["a", "b", "c"].map((key) => `cc3m/${shard}/${key}`)),
  );
  expect(cc3m?.leftOut?.length).toBe(2);
  expect((await openSources("pool", "/")).map(({ name }) => name)).toEqual(["cc3m"]);
});

test("a pool that is not there is refused with where it was looked for, and planned with by the pairs its publisher lists", async () => {
  await expect(openSources("pool:cc12m", "/")).rejects.toMatchObject({
    message: `${join(root, "pools/cc12m")}: no tar or parquet shards of cc12m`,
    fix: expect.stringContaining("img2dataset") as string,
  });
  const [cc12m] = await planSources("pool:cc12m", "/");
  expect(cc12m && sizeOf(cc12m, "train")).toBe(12_423_374);
  const [cc3m] = await planSources("pool:cc3m", "/");
  expect([cc3m?.unopened, cc3m && sizeOf(cc3m, "train")]).toEqual([undefined, 6]);
});
