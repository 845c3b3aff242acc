import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Captured, captured } from "../../test/fixtures/cli/captured.ts";
import { run } from "./commands/data.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "eg-status-"));
  mkdirSync(join(root, "FLICKR30K"));
  for (const name of ["FLICKR30K/1.jpg", "FLICKR30K_test.json", "DTD_classnames.json"]) writeFileSync(join(root, name), "[]");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** What a call wrote to the two streams. */
async function written(...argv: string[]): Promise<Captured> {
  const told = await captured({ run }, "status", ...argv);
  expect(told).toMatchObject({ exit: 0 });
  return told;
}

test("a line a set and a sum: what is ready, what is missing, how to obtain it", async () => {
  const { out, err } = await written("--root", root);
  const lines = out.trimEnd().split("\n");
  expect(lines.length).toBe(68);
  expect(lines[64]).toMatch(/^laion-400m\tpool\tcaption\tabsent\t400000000\t0\t.*pools\/laion-400m\/\*\.tar\tLAION publishes/);
  expect(lines.find((line) => line.startsWith("flickr30k"))).toMatch(/^flickr30k\teval\tretrieval\tready\t0\t1000\tCC0/);
  expect(lines.find((line) => line.startsWith("dtd"))).toMatch(/partial.*custom NC.*DTD\/, DTD_train\.json, DTD_test\.json\ttorchvision/);
  expect(err).toContain("1 of 63 ready, 1 partial, 61 absent; adapt 0 of 41, eval 1 of 22; pools 0 of 4");
});

test("--json has the registry's facts with what was found, for the sets that were named", async () => {
  const { out, err } = await written("Flickr30k", "dtd", "--root", root, "--json");
  const rows = JSON.parse(out) as readonly { readonly handle: string; readonly state: string; readonly licence: string }[];
  expect(rows.map(({ handle, state, licence }) => [handle, state, licence])).toEqual([
    ["flickr30k", "ready", "CC0"],
    ["dtd", "partial", "custom NC"],
  ]);
  expect(err).toBe("");
});

test("a pool may be named, and is ready where its shards lie", async () => {
  mkdirSync(join(root, "pools/cc3m"), { recursive: true });
  writeFileSync(join(root, "pools/cc3m/00000.tar"), "");
  const { out } = await written("cc3m", "dtd", "--root", root, "--json");
  expect(
    (JSON.parse(out) as readonly { handle: string; state: string; images?: string }[]).map(({ handle, state }) => [handle, state]),
  ).toEqual([
    ["dtd", "partial"],
    ["cc3m", "ready"],
  ]);
});

test("without --root the folder is EVERGREEN_DATA, there or not", async () => {
  const before = process.env.EVERGREEN_DATA;
  try {
    process.env.EVERGREEN_DATA = root;
    expect((await written("flickr30k")).err).toContain(`${root}: 1 of 1 ready`);
    process.env.EVERGREEN_DATA = join(root, "none");
    expect((await written("flickr30k")).err).toContain("0 of 1 ready, 0 partial, 1 absent");
  } finally {
    if (before === undefined) delete process.env.EVERGREEN_DATA;
    else process.env.EVERGREEN_DATA = before;
  }
});

test("an unknown set and a root that is not there are refused, with what helps", async () => {
  await expect(run(["status", "flickr"])).rejects.toMatchObject({ code: "EG-2001", exit: "usage" });
  await expect(run(["status", "--root", join(root, "none")])).rejects.toMatchObject({ code: "EG-4101", exit: "data" });
});
