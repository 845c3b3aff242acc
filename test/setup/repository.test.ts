import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" })
  .split("\0")
  .filter((file) => file !== "");
const texts = tracked
  .filter((file) => statSync(join(root, file), { throwIfNoEntry: false })?.isFile())
  .filter((file) => statSync(join(root, file)).size < 4_000_000)
  .map((file) => [file, readFileSync(join(root, file), "latin1")] as const);

/** Put together from pieces, so that this file names none. */
const hosts = [
  ["registry", "npmjs", "org"],
  ["registry", "yarnpkg", "com"],
  ["pypi", "org"],
  ["pythonhosted", "org"],
  ["download", "pytorch", "org"],
  ["npm", "pkg", "github", "com"],
].map((parts) => parts.join("."));

test("no tracked file names a package registry's host", () => {
  expect(texts.length).toBeGreaterThan(20);
  const named = texts.flatMap(([file, text]) => hosts.filter((host) => text.includes(host)).map((host) => `${file}: ${host}`));
  expect(named).toEqual([]);
});

test("lock files say what a package is, not where it came from", () => {
  const locks = texts.filter(([file]) => file.split("/").at(-1) === "package-lock.json");
  expect(locks.map(([file]) => file)).toContain("package-lock.json");
  for (const [file, text] of locks) {
    const packages = Object.entries((JSON.parse(text) as { packages: Record<string, { resolved?: string; integrity?: string }> }).packages);
    expect(
      packages.filter(([, { resolved }]) => resolved !== undefined),
      file,
    ).toEqual([]);
    expect(
      packages.filter(([path, { integrity }]) => path !== "" && !/^sha512-/.test(integrity ?? "")),
      file,
    ).toEqual([]);
  }
});

test("npm is told to keep it so", () => {
  expect(readFileSync(join(root, ".npmrc"), "utf8")).toContain("omit-lockfile-registry-resolved=true");
});
