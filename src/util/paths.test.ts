import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { cacheRoot } from "./paths.ts";

test("EVERGREEN_CACHE wins over everything", () => {
  expect(cacheRoot({ EVERGREEN_CACHE: "some where/é", XDG_CACHE_HOME: "/x", HOME: "/h" })).toBe(resolve("some where/é"));
});

test("XDG_CACHE_HOME comes before the home folder", () => {
  expect(cacheRoot({ XDG_CACHE_HOME: "/x", HOME: "/h" })).toBe(resolve("/x/evergreen"));
});

test("without either the cache is in the home folder", () => {
  expect(cacheRoot({ HOME: "/h" })).toBe(join("/h", ".cache", "evergreen"));
  expect(cacheRoot({})).toBe(join(homedir(), ".cache", "evergreen"));
});
