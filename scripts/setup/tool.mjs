// @ts-check
import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * @typedef {{ command: string, args: readonly string[], cwd?: string, env?: NodeJS.ProcessEnv,
 *   lock?: import("./lock.mjs").Lock, onLine?: (line: string) => void }} ToolCall
 * @typedef {{ code: number, output: string }} ToolResult
 */

/** Enough of a tool's last words to find the cause in. */
const keptCharacters = 64_000;
const isPosix = process.platform !== "win32";

/** @type {Set<number>} */
const running = new Set();

/**
 * Runs a tool to its end and keeps the tail of what it wrote. It leads a process group of its own, which ends with us:
 * on a signal at once, after a SIGKILL when the next set-up takes over the lock.
 * @param {ToolCall} call
 * @returns {Promise<ToolResult>}
 */
export function runTool({ command, args, cwd, env, lock, onLine }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: isPosix });
    const pid = child.pid;
    if (pid !== undefined) {
      running.add(pid);
      lock?.setChild(pid);
    }
    let output = "";
    let partial = "";
    /** @param {string} text */
    const take = (text) => {
      output = (output + text).slice(-keptCharacters);
      if (!onLine) return;
      const lines = (partial + text).split(/\r?\n/);
      partial = lines.pop() ?? "";
      for (const line of lines) onLine(line);
    };
    child.stdout.setEncoding("utf8").on("data", take);
    child.stderr.setEncoding("utf8").on("data", take);
    child.once("error", reject);
    child.once("close", (code) => {
      if (pid !== undefined) {
        running.delete(pid);
        lock?.setChild(undefined);
      }
      resolve({ code: code ?? 1, output });
    });
  });
}

/** Ends every tool that is still running, with the processes it started: asked, not killed, so that ninja ends its compilers. */
export function endTools() {
  for (const pid of running) {
    try {
      process.kill(isPosix ? -pid : pid, "SIGTERM");
    } catch {
      // It ended by itself in the meantime.
    }
  }
}

/**
 * The first of the named programs that is on the path.
 * @param {readonly string[]} names
 * @param {Readonly<Record<string, string | undefined>>} env
 * @returns {string | undefined} its full path
 */
export function findProgram(names, env) {
  const folders = (env.PATH ?? env.Path ?? "").split(delimiter).filter((folder) => folder !== "");
  const endings = isPosix ? [""] : [".exe", ".cmd", ".bat"];
  for (const name of names) {
    for (const folder of folders) {
      for (const ending of endings) {
        const file = join(folder, name + ending);
        if (isExecutable(file)) return file;
      }
    }
  }
  return undefined;
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
