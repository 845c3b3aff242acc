// @ts-check
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { readJson } from "./files.mjs";

/** @typedef {import("./places.mjs").Places} Places */

/**
 * Runs the command `evergreen`; it owns the terminal and its signals while it lasts.
 * @param {Places} places
 * @param {readonly string[]} args
 */
export function runProgram({ main }, args) {
  return runHere([main, ...args], process.cwd());
}

/**
 * Types, lint, and what nothing uses; all are run, so that all complaints are seen at once.
 * @param {Places} places
 */
export async function check({ root, modules }) {
  const types = await runHere([join(modules, "typescript", "bin", "tsc"), "-p", join(root, "tsconfig.check.json")], root);
  const lint = await runHere([join(modules, "@biomejs", "biome", "bin", "biome"), "check"], root);
  const unused = await runHere([join(modules, "knip", "bin", "knip.js")], root);
  return types || lint || unused;
}

/**
 * Runs the tests and prints `N passed, N failed` as the last line.
 * @param {Places} places
 * @param {readonly string[]} args for vitest
 */
export async function test({ root, modules }, args) {
  const folder = mkdtempSync(join(tmpdir(), "evergreen-tests-"));
  const report = join(folder, "report.json");
  const vitest = [join(modules, "vitest", "vitest.mjs"), "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const code = await runHere([...vitest, ...args], root);
  const { passed, failed } = countTests(readJson(report), code);
  rmSync(folder, { recursive: true, force: true });
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  return failed > 0 ? code || 1 : code;
}

/**
 * Counts of vitest's JSON report. A file that failed outside its tests counts as one failure, and so does a run that failed
 * without any (a crash, an unhandled rejection).
 * @param {any} report
 * @param {number} code vitest's exit code
 */
export function countTests(report, code) {
  const passed = report?.numPassedTests ?? 0;
  /** @type {any[]} */
  const files = report?.testResults ?? [];
  const broken = files.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((/** @type {any} */ { status }) => status === "failed"),
  );
  const failed = (report?.numFailedTests ?? 0) + broken.length;
  return { passed, failed: failed === 0 && code !== 0 ? 1 : failed };
}

/**
 * Runs a script under this Node with our terminal.
 * @param {readonly string[]} args
 * @param {string} cwd
 * @returns {Promise<number>} its exit code; 128 + the signal's number where one ended it
 */
function runHere(args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, stdio: "inherit" });
    // Ctrl+C reaches the child by the terminal; the other signals are handed on. We wait for its own answer.
    process.removeAllListeners("SIGINT").on("SIGINT", () => {});
    for (const signal of /** @type {const} */ (["SIGTERM", "SIGHUP"]))
      process.removeAllListeners(signal).on(signal, () => child.kill(signal));
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
