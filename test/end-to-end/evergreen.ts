import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Entry of the built command line. */
export const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** How a command ended. */
export interface Ended {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

/** The built command line in a folder, without settings of the person who tests. */
export function commandIn(folder: string): (...argv: readonly string[]) => Ended {
  return (...argv) => {
    const { EVERGREEN_SET: _, EVERGREEN_RUNS: __, FORCE_COLOR: ___, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...argv], { cwd: folder, env, encoding: "utf8" });
    return { exit: status, out: stdout, err: stderr };
  };
}
