// @ts-check
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { cacheCure, exitCodes, explainSystemError, formatFailure, SetupFailure } from "../setup/failure.mjs";
import { readJson, writeAtomically } from "../setup/files.mjs";
import { acquireLock } from "../setup/lock.mjs";
import { cacheFolder } from "../setup/places.mjs";
import { endTools, findProgram, runTool } from "../setup/tool.mjs";

const requirements = fileURLToPath(new URL("./requirements.txt", import.meta.url));

/** Prints name==version of each installed distribution that the requirements name. */
const versionsProgram = `
import importlib.metadata as m, sys
for name in sys.argv[1:]:
    try: print(f"{name}=={m.version(name)}".replace("+cpu", ""))
    except m.PackageNotFoundError: pass
`;

/**
 * The Python of the environment with the peers (PyTorch, OpenCLIP, transformers), made in the Evergreen cache on first use; some
 * 5 GB on Linux, where PyTorch comes with its GPU libraries. `EVERGREEN_PEER_PYTHON` names an environment that has the pinned
 * versions already.
 * @param {NodeJS.ProcessEnv} env
 * @param {(text: string) => void} tell what is being done, a line at a time
 * @returns {Promise<string>}
 */
export async function peerPython(env, tell) {
  const pinned = pins();
  if (env.EVERGREEN_PEER_PYTHON) return checked(env.EVERGREEN_PEER_PYTHON, pinned);
  const base = findProgram(["python3", "python"], env);
  if (!base)
    throw new SetupFailure(
      "resources",
      "EG-5111",
      "no python3 on the path",
      "install Python 3.10 or newer with its venv module, then run the same command again",
    );
  const key = createHash("sha256").update(pinned.join("\n")).digest("hex").slice(0, 12);
  const folder = join(cacheFolder(env), "peers", key);
  const python = join(folder, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
  const marker = join(folder, "complete.json");
  if (isComplete(marker, python)) return python;
  try {
    mkdirSync(dirname(folder), { recursive: true });
    const lock = await acquireLock(`${folder}.lock`, {
      onWait: ({ pid }) => tell(`waiting for the environment that process ${pid} makes`),
    });
    try {
      if (isComplete(marker, python)) return python;
      await make({ base, folder, python, lock, tell });
      await checked(python, pinned);
      writeAtomically(marker, `${JSON.stringify({ pinned })}\n`);
    } finally {
      lock.release();
    }
  } catch (error) {
    throw explainSystemError(error, folder, cacheCure);
  }
  return python;
}

/** @returns {string[]} the `name==version` lines */
function pins() {
  const lines = readFileSync(requirements, "utf8").split(/\r?\n/);
  return lines.map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
}

/**
 * @param {string} marker
 * @param {string} python
 */
function isComplete(marker, python) {
  return readJson(marker) !== undefined && existsSync(python);
}

/** @param {{ base: string, folder: string, python: string, lock: import("../setup/lock.mjs").Lock, tell: (text: string) => void }} at */
async function make({ base, folder, python, lock, tell }) {
  // A part of an environment cannot be told from a whole one, so what an interrupted run left goes.
  rmSync(folder, { recursive: true, force: true });
  tell(`making a Python environment in ${folder}`);
  const venv = await runTool({ command: base, args: ["-m", "venv", folder], lock });
  if (venv.code !== 0) {
    throw new SetupFailure(
      "resources",
      "EG-5112",
      `python3 -m venv failed: ${lastLine(venv.output)}`,
      "install Python's venv module (Debian: apt install python3-venv), then run the same command again",
    );
  }
  tell("installing the pinned packages with pip (a few minutes)");
  const pip = await runTool({
    command: python,
    args: ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet", "-r", requirements],
    lock,
    onLine: (line) => line.trim() !== "" && tell(line.trim()),
  });
  if (pip.code !== 0) {
    throw new SetupFailure(
      "network",
      "EG-6111",
      `pip install failed: ${lastLine(pip.output)}`,
      "check the network, or pip's index and proxy settings (pip config list), or set EVERGREEN_PEER_PYTHON to a Python that has the versions of scripts/peers/requirements.txt",
    );
  }
}

/**
 * @param {string} python
 * @param {readonly string[]} pinned
 * @returns {Promise<string>} the same path
 */
async function checked(python, pinned) {
  const names = pinned.map((pin) => pin.split("==")[0] ?? "");
  const result = await runTool({ command: python, args: ["-c", versionsProgram, ...names] }).catch((error) => ({
    code: 1,
    output: String(error),
  }));
  const found = new Set(result.output.trim().split(/\r?\n/));
  const missing = pinned.filter((pin) => !found.has(pin));
  if (result.code === 0 && missing.length === 0) return python;
  const problem = result.code === 0 ? `lacks ${missing.join(", ")}` : `cannot be run: ${lastLine(result.output)}`;
  throw new SetupFailure(
    "resources",
    "EG-5113",
    `the Python ${python} ${problem}`,
    "unset EVERGREEN_PEER_PYTHON to have an environment made, or install scripts/peers/requirements.txt there",
  );
}

/** @param {string} text */
function lastLine(text) {
  return text.trim().split(/\r?\n/).at(-1) ?? "";
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
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
    const python = await peerPython(process.env, (text) => process.stderr.write(`peers   ${text}\n`));
    process.stdout.write(`${python}\n`);
  } catch (error) {
    process.stderr.write(`${formatFailure(error)}\n`);
    process.exitCode = error instanceof SetupFailure ? exitCodes[error.exit] : exitCodes.internal;
  }
}
