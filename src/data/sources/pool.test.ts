import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ownCache } from "../../../test/fixtures/data/own-cache.ts";
import { tarOf } from "../../../test/fixtures/data/tar.ts";
import { openSources, planSources } from "../open-sources.ts";
import { sizeOf } from "../source.ts";

const root = ownCache("eg-pool-");
const before = process.env.EVERGREEN_DATA;
beforeAll(async () => {
  process.env.EVERGREEN_DATA = root;
  for (const shard of ["00000", "00001"]) {
    const pairs = ["a", "b", "c"].flatMap(
      (key) =>
        [
          [`${key}.jpg`, `picture ${shard} ${key}`],
          [`${key}.txt`, `caption of ${key}`],
        ] as const,
    );
    mkdirSync(join(root, "pools/cc3m"), { recursive: true });
    writeFileSync(join(root, "pools/cc3m", `${shard}.tar`), await tarOf([...pairs, ["d.jpg", "nobody describes it"]]));
  }
});
afterAll(() => {
  if (before === undefined) delete process.env.EVERGREEN_DATA;
  else process.env.EVERGREEN_DATA = before;
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
