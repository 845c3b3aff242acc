import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
/** The programs of bench/ in a checkout that was never built. */
const place = mkdtempSync(join(tmpdir(), "bench-options-"));
for (const folder of ["bench", "scripts"]) cpSync(join(root, folder), join(place, folder), { recursive: true });
afterAll(() => rmSync(place, { recursive: true }));

const programs = readdirSync(join(place, "bench")).filter(
  (name) => name.endsWith(".mjs") && /\breadOptions\(import\.meta\.url/.test(readFileSync(join(place, "bench", name), "utf8")),
);
const run = (name: string, ...args: readonly string[]) =>
  spawnSync(process.execPath, [join(place, "bench", name), ...args], { encoding: "utf8" });

test("every program that takes flags is asked here", () => {
  const takesFlags = readdirSync(join(place, "bench")).filter(
    (name) => name.endsWith(".mjs") && /parseArgs|process\.argv/.test(readFileSync(join(place, "bench", name), "utf8")),
  );
  expect(takesFlags).toEqual(["options.mjs"]);
  expect(programs).toEqual(expect.arrayContaining(["bench.mjs", "merge.mjs", "plan.mjs", "study.mjs"]));
});

test.each(programs)("without a build %s prints its usage, and says what to run", (name) => {
  const help = run(name, "--help");
  expect([help.status, help.stderr]).toEqual([0, ""]);
  expect(help.stdout).toMatch(name === "bench.mjs" ? /npm run bench -- \[--case NAME …\]/ : new RegExp(`node bench/${name} \\[--`));
  expect(help.stdout).not.toMatch(/^(import|#!|\/\/)/m);
  const unbuilt = run(name);
  expect([unbuilt.status, unbuilt.stdout]).toEqual([5, ""]);
  expect(unbuilt.stderr).toMatch(/^error\[EG-5119\]: this checkout is not built yet\n {2}fix: run npm run build in \S+\n$/);
});

test("a wrong flag is told without a stack", () => {
  const { status, stderr } = run("merge.mjs", "--expert", "8");
  expect(status).toBe(2);
  expect(stderr).toMatch(/^error\[EG-2001\]: Unknown option '--expert'\n {2}fix: see --help of \S+merge\.mjs\n$/);
});
