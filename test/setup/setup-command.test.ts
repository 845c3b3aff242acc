import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { countTests } from "../../scripts/setup/commands.mjs";
import { checkoutCure, explainSystemError } from "../../scripts/setup/failure.mjs";
import { explainNpm, matchesLock } from "../../scripts/setup/packages.mjs";
import { makeFolder, pathWith, startNode } from "./sandbox.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
let place: ReturnType<typeof makeFolder>;
let checkout: string;

/** A small checkout with our scripts, this one's packages, and a libtorch that is one only in name. */
beforeEach(() => {
  place = makeFolder();
  checkout = join(place.folder, "check out");
  mkdirSync(checkout);
  for (const name of ["package.json", "package-lock.json", "tsconfig.json", ".npmrc"]) copyFileSync(join(root, name), join(checkout, name));
  for (const name of ["scripts/setup", "bin"]) cpSync(join(root, name), join(checkout, name), { recursive: true });
  for (const name of ["scripts/setup.mjs", "scripts/clean.mjs"]) copyFileSync(join(root, name), join(checkout, name));
  symlinkSync(join(root, "node_modules"), join(checkout, "node_modules"));
  write(
    "src/cli/main.ts",
    'import data from "../data.json" with { type: "json" };\nconsole.log(data.word, process.argv.slice(2).join("+"));\n',
  );
  write("src/data.json", '{"word":"hello"}\n');
  write("src/parts/one.ts", "export const one = 1;\n");
  write("native/CMakeLists.txt", readFileSync(join(root, "native", "CMakeLists.txt"), "utf8"));
  write("native/addon.cc", "this is not C++;\n");
  for (const name of ["libtorch_cpu.so", "libc10.so", "libgomp.so.1"]) write(`libtorch/lib/${name}`, "");
  write(
    "libtorch/include/torch/headeronly/version.h",
    "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 15\n#define TORCH_VERSION_PATCH 0\n",
  );
  write("libtorch/include/ATen/ATen.h", "");
});
afterEach(() => place.remove());

function write(name: string, text: string): void {
  mkdirSync(join(checkout, name, ".."), { recursive: true });
  writeFileSync(join(checkout, name), text);
}
function setup(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const own = { HOME: place.folder, PATH: process.env.PATH, EVERGREEN_LIBTORCH: join(checkout, "libtorch"), ...env };
  return startNode([join(checkout, "scripts", "setup.mjs"), ...args], own, checkout).ended;
}

test.each<{ readonly missing: string; readonly programs: readonly string[]; readonly code: string; readonly fix: string }>([
  { missing: "CMake", programs: ["node"], code: "EG-5115", fix: "apt install cmake" },
  { missing: "a compiler", programs: ["node", "cmake"], code: "EG-5116", fix: "apt install g++ make" },
  { missing: "make and ninja", programs: ["node", "cmake", "c++"], code: "EG-5116", fix: "apt install g++ make" },
])("without $missing, one sentence and the cure", async ({ programs, code, fix }) => {
  const { code: exit, stderr } = await setup(["build"], { PATH: pathWith(place.folder, programs) });
  expect(stderr).toMatch(new RegExp(`^error\\[${code}\\]: [^\n]+\n  fix: [^\n]+\n$`));
  expect(stderr).toContain(fix);
  expect(exit).toBe(5);
});

test("without npm, one sentence and the cure", async () => {
  rmSync(join(checkout, "node_modules"));
  const { code, stderr } = await setup(["check"], { PATH: pathWith(place.folder, ["node"]) });
  expect(stderr).toMatch(/^error\[EG-5114\]: npm was not found\n {2}fix: install Node.js with npm/);
  expect(code).toBe(5);
});

test("a npm registry that cannot be reached is named with its cure", async () => {
  rmSync(join(checkout, "node_modules"));
  const { code, stderr } = await setup(["check"], {
    npm_config_registry: "http://127.0.0.1:9/",
    npm_config_fetch_retries: "0",
    no_proxy: "127.0.0.1",
  });
  expect(stderr).toMatch(
    /error\[EG-6101\]: npm could not install the packages: the npm registry cannot be reached\n {2}fix: .*npm_config_registry/,
  );
  expect(code).toBe(6);
  expect(existsSync(join(checkout, ".evergreen", "setup.lock"))).toBe(false);
});

test("an unknown command prints the known ones", async () => {
  const { code, stderr } = await setup(["bild"]);
  expect(stderr).toContain("there is no command bild");
  expect(stderr).toContain("check          types, lint");
  expect(code).toBe(2);
});

test("a source that does not compile is shown with its line", async () => {
  const { code, stderr } = await setup(["build"]);
  expect(stderr).toMatch(/error\[EG-5117\]: the addon does not compile:\n.*native\/addon\.cc:1:1: error/);
  expect(code).toBe(5);
});

test("tests of the core alone need no engine, and the counts are the last line", async () => {
  write("vitest.config.ts", 'export default { test: { projects: [{ test: { name: "core", include: ["src/**/*.test.ts"] } }] } };\n');
  write("src/a.test.ts", 'import { expect, test } from "vitest";\ntest("yes", () => {});\ntest("no", () => expect(1).toBe(2));\n');
  const { code, stdout } = await setup(["test", "--project", "core"], { EVERGREEN_LIBTORCH: "/nowhere" });
  expect(stdout.trimEnd().split("\n").at(-1)).toBe("1 passed, 1 failed");
  expect(code).toBe(1);
});

test("the program is built, run and kept up to date without the engine", async () => {
  const url = (name: string) => JSON.stringify(pathToFileURL(join(checkout, "scripts", "setup", `${name}.mjs`)).href);
  const script = `
    const [{ program }, { bringUpToDate }, { placesOf }, { createTerminal }] = await Promise.all([${["program", "steps", "places", "terminal"].map((name) => `import(${url(name)})`)}]);
    try {
      await bringUpToDate([program], { places: placesOf(process.cwd(), process.env), env: process.env, terminal: createTerminal(process.stderr) });
    } catch (error) {
      console.error(error.code, error.message);
      process.exitCode = 4;
    }`;
  const build = () => startNode(["--input-type=module", "-e", script], { HOME: place.folder, PATH: process.env.PATH }, checkout).ended;
  const dist = join(checkout, "dist");
  expect((await build()).stderr).toMatch(/program {3}dist\/, 3 files/);
  expect(await bin("a", "b")).toMatchObject({ code: 0, stdout: "hello a+b\n", stderr: "" });
  expect((await build()).stderr).toBe("");
  rmSync(join(dist, "parts", "one.js"));
  await build();
  expect(existsSync(join(dist, "parts", "one.js"))).toBe(true);
  rmSync(join(checkout, "src", "parts", "one.ts"));
  write("src/data.json", '{"word":"changed"}\n');
  await build();
  expect(readdirSync(join(dist, "parts"))).toEqual([]);
  expect((await bin()).stdout).toBe("changed \n");
  utimesSync(join(checkout, "src", "cli", "main.ts"), new Date(), new Date(Date.now() + 5000));
  const stale = await bin();
  expect(stale.stderr).toMatch(/^error\[EG-5119\]: .*main\.ts was changed after the last build\n {2}fix: run npm run build/);
  expect(stale.code).toBe(5);
  write("src/cli/main.ts", "const broken: number = 'text';\n");
  expect(await build()).toMatchObject({ code: 4, stderr: expect.stringMatching(/EG-4104[\s\S]*src\/cli\/main\.ts\(1,7\)/) });
});

const bin = (...args: readonly string[]) => startNode([join(checkout, "bin", "evergreen.mjs"), ...args], {}, checkout).ended;

test("an unbuilt checkout says what to run", async () => {
  const { code, stderr } = await bin("--help");
  expect(stderr).toBe(`error[EG-5119]: this checkout is not built yet\n  fix: run npm run build in ${checkout}/\n`);
  expect(code).toBe(5);
});

test("clean removes what was built; with --all what was fetched too, and nothing else", async () => {
  for (const name of ["dist/a.js", "build/evergreen.node", "runs/r/run.json"]) write(name, "x");
  rmSync(join(checkout, "node_modules"));
  write("node_modules/a/index.js", "x");
  const cache = join(place.folder, "cache");
  for (const name of ["libtorch/v/torch/lib/x", "mini-flux/y"]) {
    mkdirSync(join(cache, name, ".."), { recursive: true });
    writeFileSync(join(cache, name), "x");
  }
  const clean = (...args: readonly string[]) =>
    startNode([join(checkout, "scripts", "clean.mjs"), ...args], { EVERGREEN_CACHE: cache }, checkout).ended;
  const there = () => ["dist", "build", "node_modules", "runs", "src"].filter((name) => existsSync(join(checkout, name)));
  expect((await clean()).stderr).toContain("2 B freed");
  expect(there()).toEqual(["node_modules", "runs", "src"]);
  await clean("--all");
  expect(there()).toEqual(["runs", "src"]);
  expect(readdirSync(cache)).toEqual(["mini-flux"]);
  expect((await clean("--everything")).code).toBe(2);
});

test.each([
  [
    "all passed",
    { numPassedTests: 3, numFailedTests: 0, testResults: [{ status: "passed", assertionResults: [] }] },
    0,
    { passed: 3, failed: 0 },
  ],
  [
    "one failed",
    { numPassedTests: 3, numFailedTests: 1, testResults: [{ status: "failed", assertionResults: [{ status: "failed" }] }] },
    1,
    { passed: 3, failed: 1 },
  ],
  [
    "a file that cannot be loaded",
    { numPassedTests: 3, numFailedTests: 0, testResults: [{ status: "failed", assertionResults: [] }] },
    1,
    { passed: 3, failed: 1 },
  ],
  ["an error outside of all tests", { numPassedTests: 3, numFailedTests: 0, testResults: [] }, 1, { passed: 3, failed: 1 }],
  ["no report at all", undefined, 134, { passed: 0, failed: 1 }],
])("counts: %s", (_title, report, code, counts) => {
  expect(countTests(report, code)).toEqual(counts);
});

test("node_modules counts as installed when npm's own record says so", () => {
  const folder = join(place.folder, "p");
  const modules = join(folder, "node_modules");
  mkdirSync(modules, { recursive: true });
  const a = { version: "1.0.0", integrity: "sha512-a" };
  const wanted = { "": {}, "node_modules/a": a, "node_modules/other-system": { ...a, optional: true } };
  const answer = (installed: object) => {
    writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ packages: wanted }));
    writeFileSync(join(modules, ".package-lock.json"), JSON.stringify({ packages: installed }));
    return matchesLock({ root: folder, modules });
  };
  expect(matchesLock({ root: folder, modules })).toBe(false);
  expect(answer({ "node_modules/a": a })).toBe(true);
  expect(answer({})).toBe(false);
  expect(answer({ "node_modules/a": { ...a, integrity: "sha512-b" } })).toBe(false);
  expect(answer({ "node_modules/a": a, "node_modules/left-over": a })).toBe(false);
});

test.each([
  ["npm error code ENOSPC", "EG-5103"],
  ["npm error code EACCES", "EG-5102"],
  ["npm error code EROFS", "EG-5102"],
  ["npm error code E401", "EG-6103"],
  ["npm error code SELF_SIGNED_CERT_IN_CHAIN", "EG-6104"],
  ["npm error code ENOTFOUND", "EG-6101"],
  ["npm error tunneling socket could not be established, statusCode=407", "EG-6102"],
  ["npm error code E404", "EG-6106"],
  ["npm error something new", "EG-6107"],
])("what npm says is understood: %s", (output, code) => {
  expect(explainNpm(output, "/x").code).toBe(code);
});

test.each(["EROFS", "EACCES", "EPERM"])("%s in the checkout tells to copy it", (code) => {
  const failure = explainSystemError(Object.assign(new Error("x"), { code }), "/read-only", checkoutCure);
  expect(failure).toMatchObject({
    code: "EG-5102",
    message: `cannot write to /read-only (${code})`,
    fix: expect.stringContaining("cp -r"),
  });
});
