import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Captured, captured } from "../../test/fixtures/cli/captured.ts";
import { run } from "./commands/data.ts";

let root = "";
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "eg-prep-cli-"));
  for (const name of ["cat", "dog"]) {
    mkdirSync(join(root, "DTD", name), { recursive: true });
    const image = sharp({ create: { width: 60, height: 40, channels: 3, background: name === "cat" ? "#804020" : "#204080" } });
    writeFileSync(join(root, "DTD", name, "1.png"), await image.png().toBuffer());
  }
  const record = (target: number) => ({ target });
  writeFileSync(join(root, "DTD_train.json"), JSON.stringify({ "cat/1.png": record(0) }));
  writeFileSync(join(root, "DTD_test.json"), JSON.stringify({ "dog/1.png": record(1) }));
  writeFileSync(join(root, "DTD_classnames.json"), JSON.stringify(["cat", "dog"]));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function written(...argv: string[]): Promise<Captured> {
  const told = await captured({ run }, ...argv);
  expect(told).toMatchObject({ exit: 0 });
  return told;
}

test("a set of a data root is copied, and data status finds the copy", async () => {
  const first = await written("prepare", `fomo:${root}`, "--out", join(root, "small"), "--side", "20");
  expect(first.out).toBe("set\ttrain\ttest\tunreadable\tparts\ndtd\t1\t1\t0\t2\n");
  expect(first.err).toContain(`2 parts made, 0 were there and whole; use it as prepared:${join(root, "small")}`);
  const again = await written("prepare", `fomo:${root}`, "--out", join(root, "small"), "--side", "20", "--json");
  expect(JSON.parse(again.out)).toMatchObject({ made: 0, found: 2, out: join(root, "small") });
  const status = await written("status", "dtd", "cub200", "--root", root);
  expect(status.out.split("\n")[1]).toContain(`\tready\t1880\t1880\tcustom NC\t${join(root, "small")}`);
  expect(status.err).toContain("; prepared copies of 1");
});

test("flags that make no sense are refused", async () => {
  for (const argv of [
    [],
    ["--out", "x", "--format", "png", "--quality", "3"],
    ["--out", "x", "--quality", "101"],
    ["--out", "x", "--side", "0"],
  ])
    await expect(run(["prepare", root, ...argv])).rejects.toMatchObject({ exit: "usage" });
});
