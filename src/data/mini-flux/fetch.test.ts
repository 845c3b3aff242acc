import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { lockedPackages, npmCommand } from "./fetch.ts";

const read = (name: string): string => readFileSync(new URL(`./packages/${name}`, import.meta.url), "utf8");

test("every package is pinned exactly and carries its integrity, and no registry is named", () => {
  const manifest = JSON.parse(read("package.json")) as { readonly dependencies: Readonly<Record<string, string>> };
  for (const [name, version] of Object.entries(manifest.dependencies)) expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
  const lock = JSON.parse(read("package-lock.json")) as { readonly packages: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
  const entries = Object.entries(lock.packages).filter(([name]) => name !== "");
  expect(entries.length).toBeGreaterThan(40);
  for (const [name, entry] of entries) {
    expect(entry.integrity, name).toMatch(/^sha512-/);
    expect(entry.resolved, name).toBeUndefined();
    expect(entry.hasInstallScript, name).toBeUndefined();
  }
  expect(lockedPackages().names).toEqual(entries.map(([name]) => name));
});

test("npm is the one that runs us, else the one on the path", () => {
  expect(npmCommand({})).toEqual(["npm"]);
  expect(npmCommand({ npm_execpath: "/nowhere/npm-cli.js" })).toEqual(["npm"]);
  expect(npmCommand({ npm_execpath: "/nowhere/yarn.js" })).toEqual(["npm"]);
});
