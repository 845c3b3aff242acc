// Holds somebody's own parts to the contracts of their kinds: npm run contracts -- FOLDER, as a run file names it under plugins.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Suites by the sub-folder of the parts that they judge. */
const suites = {
  methods: "test/engine/methods-contract.test.ts",
  operators: "test/contracts/operators.test.ts",
  modifiers: "test/contracts/operators.test.ts",
  orderings: "test/contracts-core/orderings.test.ts",
  buffers: "test/contracts-core/buffers.test.ts",
  schedules: "test/contracts-core/schedules.test.ts",
  optimizers: "test/engine/optimizers-contract.test.ts",
  objectives: "test/contracts/objectives.test.ts",
  sources: "test/contracts-core/sources.test.ts",
  augments: "test/contracts-core/augments.test.ts",
  evaluators: "test/contracts/evaluators.test.ts",
};

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [given, ...rest] = process.argv.slice(2);
if (given === undefined) refuse("usage: npm run contracts -- FOLDER [ARGUMENTS OF VITEST]");
const folder = resolve(process.env.INIT_CWD ?? process.cwd(), given);
const files = new Set(Object.entries(suites).flatMap(([kind, suite]) => (existsSync(join(folder, kind)) ? [suite] : [])));
if (files.size === 0) refuse(`${folder} holds no parts; expected sub-folders of ${Object.keys(suites).join(", ")}`);
const { status } = spawnSync(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), "run", ...files, ...rest], {
  cwd: root,
  env: { ...process.env, EVERGREEN_PARTS: folder },
  stdio: "inherit",
});
process.exitCode = status ?? 1;

/**
 * @param {string} message
 * @returns {never}
 */
function refuse(message) {
  console.error(message);
  process.exit(2);
}
