// @ts-check
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { addon } from "./setup/addon.mjs";
import { check, runProgram, test } from "./setup/commands.mjs";
import { exitCodes, formatFailure, SetupFailure } from "./setup/failure.mjs";
import { packages } from "./setup/packages.mjs";
import { placesOf } from "./setup/places.mjs";
import { program } from "./setup/program.mjs";
import { compareVersions } from "./setup/recipe.mjs";
import { bringUpToDate } from "./setup/steps.mjs";
import { createTerminal, formatDuration } from "./setup/terminal.mjs";
import { endTools } from "./setup/tool.mjs";

const usage = `usage: node scripts/setup.mjs COMMAND
  all            everything that is needed to run
  build          the same
  run ARGS…      the above, then the command evergreen with these arguments
  test ARGS…     the above, then the tests (ARGS go to vitest; with --project core the engine is left out)
  check          types, lint, and what nothing uses`;
const oldestNode = "20.19.0";

/** @param {readonly string[]} args */
async function main([command, ...args]) {
  if (compareVersions(process.versions.node, oldestNode) < 0) {
    throw new SetupFailure(
      "resources",
      "EG-5101",
      `Evergreen needs Node.js ${oldestNode} or newer and this is ${process.versions.node}`,
      "install a newer one (nodejs.org, or nvm install 22)",
    );
  }
  const places = placesOf(dirname(dirname(fileURLToPath(import.meta.url))), process.env);
  const context = { places, env: process.env, terminal: createTerminal(process.stderr) };
  const all = [packages, addon, program];
  switch (command) {
    case "all":
    case "build": {
      const began = Date.now();
      const worked = await bringUpToDate(all, context);
      context.terminal.line(
        "ready",
        worked === 0
          ? `nothing to do (${formatDuration(Date.now() - began)})`
          : `in ${formatDuration(Date.now() - began)}; try: npx evergreen --help`,
      );
      return 0;
    }
    case "run":
      await bringUpToDate(all, context);
      return runProgram(places, args);
    case "test":
      await bringUpToDate(isCoreOnly(args) ? [packages, program] : all, context);
      return test(places, args);
    case "check":
      await bringUpToDate([packages], context);
      return check(places);
    default:
      throw new SetupFailure("usage", "EG-2101", command === undefined ? "no command was given" : `there is no command ${command}`, usage);
  }
}

/** @param {readonly string[]} args */
function isCoreOnly(args) {
  const projects = args.flatMap((arg, i) => (arg === "--project" ? [args[i + 1]] : arg.startsWith("--project=") ? [arg.slice(10)] : []));
  return projects.length > 0 && projects.every((name) => name === "core");
}

for (const [signal, code] of /** @type {const} */ ([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
])) {
  process.on(signal, () => {
    endTools();
    process.exit(code);
  });
}
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${formatFailure(error)}\n`);
  process.exitCode = error instanceof SetupFailure ? exitCodes[error.exit] : exitCodes.internal;
}
