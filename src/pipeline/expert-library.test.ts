import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { release, scope } from "../engine/scope.ts";
import { readFloats, type Tensor, tensor, type Weights } from "../engine/tensor.ts";
import type { ExpertStore } from "../training/loop.ts";
import { EvergreenError } from "../util/errors.ts";
import { expertLibrary } from "./expert-library.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "experts-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const put = (store: ExpertStore, name: string, values: readonly number[]): void =>
  scope(() => store.put(name, new Map([["w", tensor(values, [values.length], "float32")]])));

async function valuesOf(store: ExpertStore, name: string): Promise<readonly number[]> {
  const weights: Weights = await store.get(name);
  const values = [...readFloats(weights.get("w") as Tensor)];
  release(weights);
  return values;
}

const fileOf = (name: string): string =>
  join(folder, "experts", readdirSync(join(folder, "experts")).find((file) => file.startsWith(name)) ?? `${name} is not there`);

/** What another process is told that goes on from the same checkpoint. */
async function told(store: ExpertStore, name: string): Promise<string> {
  try {
    return String(await valuesOf(store, name));
  } catch (error) {
    if (!(error instanceof EvergreenError)) throw error;
    return `${error.code} ${error.exit} ${error.message}; ${error.fix}`;
  }
}

function another(index: ReturnType<ExpertStore["index"]>): ExpertStore {
  const store = expertLibrary(folder);
  store.restore(index);
  return store;
}

const damages: readonly (readonly [string, (file: string) => void, RegExp])[] = [
  [
    "one bit of which is another",
    (file) => {
      const bytes = readFileSync(file);
      bytes[bytes.length - 2] = (bytes.at(-2) ?? 0) ^ 1;
      writeFileSync(file, bytes);
    },
    /its digest is not that/,
  ],
  ["that is cut short", (file) => truncateSync(file, readFileSync(file).length - 4), /its digest is not that/],
  ["that is gone", (file) => rmSync(file), /is missing/],
  ["that took another expert's place", (file) => renameSync(fileOf("expert-0002"), file), /its digest is not that/],
];

test.each(damages)("a file %s is refused by its name, in this process and in one that goes on", async (_, damage, why) => {
  const store = expertLibrary(folder);
  put(store, "expert-0001", [1, 2, 3]);
  put(store, "expert-0002", [4, 5, 6]);
  const { index } = store;
  expect(await valuesOf(another(index()), "expert-0001")).toEqual([1, 2, 3]);
  damage(fileOf("expert-0001"));
  for (const each of [store, another(index())]) {
    const found = await told(each, "expert-0001");
    expect(found).toMatch(why);
    expect(found).toMatch(/^EG-4301 data experts\/expert-0001-[0-9a-f]{16}\.safetensors: .*; restore the file from a copy/);
  }
});

test("what is put later leaves the files that an earlier checkpoint knows as they were", async () => {
  const store = expertLibrary(folder);
  put(store, "mean", [1]);
  const before = store.index();
  put(store, "mean", [2]);
  put(store, "expert-0001", [3]);
  expect(await valuesOf(store, "mean")).toEqual([2]);
  const resumed = another(before);
  expect(await valuesOf(resumed, "mean")).toEqual([1]);
  expect(await told(resumed, "expert-0001")).toMatch(/^EG-4301 data experts\/expert-0001: nothing was put under this name/);
  put(resumed, "mean", [2]);
  put(resumed, "expert-0001", [3]);
  expect(resumed.index()).toEqual(store.index());
});

test("putting an expert again mends its file", async () => {
  const store = expertLibrary(folder);
  put(store, "expert-0001", [1, 2, 3]);
  truncateSync(fileOf("expert-0001"), 8);
  put(store, "expert-0001", [1, 2, 3]);
  expect(await valuesOf(store, "expert-0001")).toEqual([1, 2, 3]);
  expect(readdirSync(join(folder, "experts"))).toHaveLength(1);
});
