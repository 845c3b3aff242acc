// Runs the golden rows through vitest; both `npm run golden` and `npm run golden:mutate` call it.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const vitest = fileURLToPath(new URL("../node_modules/vitest/vitest.mjs", import.meta.url));

/** Exit code of the rows' tests; `--core` leaves out those that need the native addon. */
export function runGolden(args, environment = {}) {
  const unknown = args.filter((arg) => arg !== "--core");
  if (unknown.length > 0) {
    process.stderr.write(`unknown argument ${unknown[0]}; known: --core (leave out the rows that need the engine)\n`);
    return 2;
  }
  const files = args.includes("--core") ? ["test/golden.test.ts"] : ["test/golden.test.ts", "test/engine/golden-engine.test.ts"];
  const { status, error } = spawnSync(process.execPath, [vitest, "run", ...files], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...environment },
  });
  if (error) throw error;
  return status ?? 1;
}
