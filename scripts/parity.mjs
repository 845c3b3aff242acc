// @ts-check
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { compareJson, compareTensors } from "./peers/compare.mjs";
import { peerPython } from "./peers/make-env.mjs";
import { exitCodes, formatFailure, SetupFailure } from "./setup/failure.mjs";
import { endTools, runTool } from "./setup/tool.mjs";

// Makes the Python peers' environment, recomputes every stored vector in a copy of the checkout's layout and compares.

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** What scripts write, relative to the checkout. */
const written = ["test/vectors", "src/models"];
/** Arguments of the scripts that want some; they run in scripts/vectors. */
/** @type {Readonly<Record<string, readonly string[]>>} */
const given = { "preprocess.py": ["../../test/vectors/preprocess"] };
const differs = 8;

/** @param {string} text */
const tell = (text) => void process.stderr.write(`parity  ${text}\n`);

/**
 * Scripts write below the folder they lie in, so a copy of that layout keeps the stored files safe.
 * @param {string} place
 */
function layOut(place) {
  cpSync(join(root, "scripts", "vectors"), join(place, "scripts", "vectors"), {
    recursive: true,
    filter: (path) => !path.endsWith("__pycache__"),
  });
  for (const folder of written) {
    cpSync(join(root, folder), join(place, folder), { recursive: true });
    for (const file of filesBelow(join(place, folder))) utimesSync(file, 0, 0);
  }
  // What writes the trees that torchvision opens.
  for (const folder of ["scripts/peers", "test/fixtures/data"]) cpSync(join(root, folder), join(place, folder), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(place, "node_modules"));
}

/**
 * @param {string} folder
 * @returns {string[]} full paths, sorted
 */
function filesBelow(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/**
 * Runs the scripts one after another; one that fails does not stop the others.
 * @param {string} python
 * @param {string} place
 * @param {readonly string[]} scripts
 * @returns {Promise<Row[]>} a row for each that failed
 */
async function recompute(python, place, scripts) {
  /** @type {Row[]} */
  const failed = [];
  for (const script of scripts) {
    const from = Date.now();
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: "1", HF_HUB_OFFLINE: "1" };
    const args = [script, ...(given[script] ?? [])];
    const { code, output } = await runTool({ command: python, args, cwd: join(place, "scripts", "vectors"), env });
    tell(`${script.padEnd(20)} ${((Date.now() - from) / 1000).toFixed(0)} s`);
    if (code === 0) continue;
    tell(`${script} wrote at its end:\n    ${output.trim().split("\n").slice(-12).join("\n    ")}`);
    failed.push({ file: `scripts/vectors/${script}`, result: `ended with ${code}`, fails: true, made: true });
  }
  return failed;
}

/** @typedef {{ file: string, result: string, fails: boolean, made: boolean }} Row */

/**
 * @param {string} place
 * @returns {Row[]}
 */
function compareAll(place) {
  /** @type {Record<string, any>} */
  const tolerances = JSON.parse(readFileSync(join(root, "scripts", "vectors", "tolerances.json"), "utf8"));
  const files = written.flatMap((folder) => filesBelow(join(place, folder)));
  return files.map((fresh) => {
    const file = relative(place, fresh).split(sep).join("/");
    if (statSync(fresh).mtimeMs === 0) return { file, result: "not made by a script", fails: false, made: false };
    return { file, ...compareOne(join(root, file), fresh, tolerances[file]), made: true };
  });
}

/**
 * @param {string} stored
 * @param {string} fresh
 * @param {any} rule the file's entry in tolerances.json
 * @returns {{ result: string, fails: boolean }}
 */
function compareOne(stored, fresh, rule) {
  if (statSync(stored, { throwIfNoEntry: false }) === undefined) return { result: "is not stored", fails: true };
  if (content(stored).equals(content(fresh))) return { result: "equal, every byte", fails: false };
  if (rule === undefined) return { result: "differs, and no tolerance is stated", fails: true };
  const { worst, where, problem } = fresh.endsWith(".json") ? compareJson(stored, fresh, rule) : compareTensors(stored, fresh, rule);
  if (problem !== undefined) return { result: `${problem} at ${where}`, fails: true };
  return { result: `worst difference ${(100 * worst).toPrecision(2)} % of its tolerance, at ${where}`, fails: worst > 1 };
}

/**
 * Bytes of a file; of a gzip file what is in it, for compressors differ.
 * @param {string} file
 */
function content(file) {
  const bytes = readFileSync(file);
  return file.endsWith(".gz") ? gunzipSync(bytes) : bytes;
}

/** @param {readonly string[]} args names of scripts; none: all */
async function main(args) {
  const known = readdirSync(join(root, "scripts", "vectors"))
    .filter((name) => name.endsWith(".py"))
    .sort();
  const unknown = args.find((arg) => !known.includes(arg));
  if (unknown !== undefined)
    throw new SetupFailure("usage", "EG-2111", `parity knows no script ${unknown}`, `name none, or some of ${known.join(", ")}`);
  const python = await peerPython(process.env, tell);
  const place = mkdtempSync(join(tmpdir(), "evergreen-parity-"));
  try {
    layOut(place);
    const failed = await recompute(python, place, args.length > 0 ? args : known);
    const all = [...failed, ...compareAll(place)];
    const rows = all.filter((row) => row.made);
    const width = Math.max(...rows.map((row) => row.file.length));
    for (const row of rows) process.stdout.write(`${row.fails ? "FAIL" : "ok  "}  ${row.file.padEnd(width)}  ${row.result}\n`);
    const failing = rows.filter((row) => row.fails).length;
    process.stdout.write(
      `${rows.length - failing} as stored, ${failing} different; ${all.length - rows.length} files beside them are not made by ${args.length > 0 ? "these scripts" : "scripts"}\n`,
    );
    if (failing > 0) process.exitCode = differs;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

for (const [signal, code] of /** @type {const} */ ([
  ["SIGINT", 130],
  ["SIGTERM", 143],
])) {
  process.on(signal, () => {
    endTools();
    process.exit(code);
  });
}
try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${formatFailure(error)}\n`);
  process.exitCode = error instanceof SetupFailure ? exitCodes[error.exit] : exitCodes.internal;
}
