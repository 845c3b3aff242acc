import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * The flags of a benchmark that was called as a program. `--help` prints the comment at the head of its file and ends it; so do a wrong flag (2) and a checkout that is not
 * built (5), each with what to do. What comes of the build can therefore be imported only after this, by `await import`.
 * @template {NonNullable<import("node:util").ParseArgsConfig["options"]>} Options
 * @param {string} url the program's `import.meta.url`
 * @param {Options} options
 */
export function readOptions(url, options) {
  const { help, ...values } = parsed(url, options);
  if (help) {
    process.stdout.write(`${usageOf(url)}\n`);
    process.exit(0);
  }
  if (!existsSync(new URL("../dist/.evergreen-program", import.meta.url)))
    stop(5, `error[EG-5119]: this checkout is not built yet\n  fix: run npm run build in ${root}`);
  return values;
}

function parsed(url, options) {
  try {
    return parseArgs({ options: { ...options, help: { type: "boolean", short: "h" } } }).values;
  } catch (error) {
    if (!error.code?.startsWith("ERR_PARSE_ARGS")) throw error;
    return stop(2, `error[EG-2001]: ${error.message.split(". ")[0]}\n  fix: see --help of ${fileURLToPath(url)}`);
  }
}

/** The comment that a file begins with. @param {string} url */
function usageOf(url) {
  const lines = readFileSync(fileURLToPath(url), "utf8").split("\n");
  const head = lines.slice(lines[0]?.startsWith("#!") ? 1 : 0);
  return head
    .slice(
      0,
      head.findIndex((line) => !line.startsWith("//")),
    )
    .map((line) => line.slice(3))
    .join("\n");
}

/** @param {number} exit @param {string} text @returns {never} */
function stop(exit, text) {
  process.stderr.write(`${text}\n`);
  process.exit(exit);
}
