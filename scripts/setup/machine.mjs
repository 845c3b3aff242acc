// @ts-check
import { findProgram, runTool } from "./tool.mjs";

/** A few times as fast as `pip --version`. */
const askForPip = "import importlib.util, sys; sys.exit(importlib.util.find_spec('pip') is None)";

/** @typedef {{ kind: "pip" | "uv", command: string }} Client */

/**
 * The C library of this process: glibc with its version, musl, or undefined where the question does not arise.
 * @returns {{ libc: "glibc" | "musl" | undefined, glibc?: string }}
 */
export function detectLibc() {
  if (process.platform !== "linux") return { libc: undefined };
  const reporter = process.report;
  // Without this the report looks up the name of every open connection.
  Object.assign(reporter, { excludeNetwork: true });
  const report = /** @type {{ header?: { glibcVersionRuntime?: string } }} */ (/** @type {unknown} */ (reporter.getReport()));
  const glibc = report.header?.glibcVersionRuntime;
  return glibc === undefined ? { libc: "musl" } : { libc: "glibc", glibc };
}

/**
 * The Python package client to use: pip where a Python has it, else uv.
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<Client | undefined>}
 */
export async function findClient(env) {
  for (const name of ["python3", "python"]) {
    const command = findProgram([name], env);
    if (command === undefined) continue;
    const { code } = await runTool({ command, args: ["-c", askForPip], env }).catch(() => ({ code: 1 }));
    if (code === 0) return { kind: "pip", command };
  }
  const uv = findProgram(["uv"], env);
  return uv === undefined ? undefined : { kind: "uv", command: uv };
}
