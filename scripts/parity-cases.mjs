// @ts-check
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { peerPython } from "./peers/make-env.mjs";
import { exitCodes, formatFailure, SetupFailure } from "./setup/failure.mjs";
import { runTool } from "./setup/tool.mjs";

// Drives `evergreen model encode` and `model tokenize` against OpenCLIP on random cases: small models, hostile texts, images of many kinds.
// node scripts/parity-cases.mjs [CASES] [SEED] [--keep]

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Largest difference of an embedding's entry: from the same pixels or ids, and from files that are resized. */
const tolerances = { exact: 1e-5, resized: 2e-3, text: 1e-5 };
const differs = 8;

/**
 * @param {readonly string[]} args of the command line
 * @returns {any} what it printed as JSON
 */
function evergreen(args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "dist", "cli", "main.js"), ...args, "--json"], {
    encoding: "utf8",
    maxBuffer: 2 ** 30,
  });
  if (status !== 0) throw new Error(`evergreen ${args.join(" ")} ended with ${status}: ${stderr || stdout}`);
  return JSON.parse(stdout);
}

/**
 * @param {readonly (readonly number[])[]} ours
 * @param {readonly (readonly number[])[]} theirs
 */
function worst(ours, theirs) {
  if (ours.length !== theirs.length) return Infinity;
  return ours.reduce((most, row, i) => {
    const other = theirs[i] ?? [];
    if (row.length !== other.length) return Infinity;
    return row.reduce((largest, value, j) => Math.max(largest, Math.abs(value - (other[j] ?? Number.NaN))), most);
  }, 0);
}

/**
 * @param {string} place
 * @returns {{ name: string, found: number, allowed: number }[]}
 */
function compareCase(place) {
  const answers = JSON.parse(readFileSync(join(place, "answers.json"), "utf8"));
  const got = evergreen(["model", "encode", "--model", place, "--from", join(place, "list.jsonl"), "--batch-size", "7"]);
  if (got.image.length !== answers.image.length) throw new Error(`${place}: ${got.image.length} rows of images`);
  /** @param {boolean} exact @param {readonly number[][]} rows */
  const pick = (exact, rows) => rows.filter((_, i) => answers.exact[i] === exact);
  return [
    { name: "same pixels", found: worst(pick(true, got.image), pick(true, answers.image)), allowed: tolerances.exact },
    { name: "from files", found: worst(pick(false, got.image), pick(false, answers.image)), allowed: tolerances.resized },
    { name: "texts", found: worst(got.text, answers.text), allowed: tolerances.text },
  ];
}

/** @param {string} place */
function compareIds(place) {
  const theirs = JSON.parse(readFileSync(join(place, "ids.json"), "utf8"));
  const { ids } = evergreen(["model", "tokenize", "--from", join(place, "texts.jsonl")]);
  const texts = readFileSync(join(place, "texts.jsonl"), "utf8").split("\n");
  const wrong = theirs.flatMap((/** @type {number[]} */ row, /** @type {number} */ i) => (row.join() === ids[i]?.join() ? [] : [texts[i]]));
  for (const text of wrong.slice(0, 5)) process.stdout.write(`      other ids: ${text}\n`);
  return { name: `ids of ${theirs.length} texts`, found: wrong.length, allowed: 0 };
}

/** @param {readonly string[]} args */
async function main(args) {
  const [cases = 8, seed = 1] = args.filter((arg) => arg !== "--keep").map(Number);
  if (!Number.isSafeInteger(cases) || cases < 1 || !Number.isSafeInteger(seed))
    throw new SetupFailure(
      "usage",
      "EG-2112",
      `${args.join(" ")}: expected a number of cases and a seed`,
      "node scripts/parity-cases.mjs 8 1",
    );
  const python = await peerPython(process.env, (text) => void process.stderr.write(`parity  ${text}\n`));
  const place = mkdtempSync(join(tmpdir(), "evergreen-cases-"));
  try {
    const script = join(root, "scripts", "peers", "parity-cases.py");
    const { code, output } = await runTool({ command: python, args: [script, place, String(seed), String(cases)] });
    if (code !== 0) throw new SetupFailure("internal", "EG-1111", `parity-cases.py ended with ${code}: ${output.trim()}`, "report it");
    const folders = readdirSync(place).filter((name) => name.startsWith("case-"));
    const rows = folders.flatMap((name) => compareCase(join(place, name)).map((row) => ({ ...row, name: `${name} ${row.name}` })));
    rows.push(compareIds(place));
    for (const { name, found, allowed } of rows)
      process.stdout.write(`${found <= allowed ? "ok  " : "FAIL"}  ${name.padEnd(22)}  ${found.toExponential(1)}, at most ${allowed}\n`);
    const failing = rows.filter(({ found, allowed }) => !(found <= allowed)).length;
    process.stdout.write(`${rows.length - failing} within, ${failing} beyond their tolerance; seed ${seed}\n`);
    if (failing > 0) process.exitCode = differs;
  } finally {
    if (args.includes("--keep")) process.stdout.write(`kept in ${place}\n`);
    else rmSync(place, { recursive: true, force: true });
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${formatFailure(error)}\n`);
  process.exitCode = error instanceof SetupFailure ? exitCodes[error.exit] : exitCodes.internal;
}
