// @ts-check
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestGot, explainClient, isBroken, wrongDigest } from "./client-failure.mjs";
import { digestOfFile } from "./digest.mjs";
import { SetupFailure } from "./failure.mjs";
import { sizeOf } from "./files.mjs";
import { pipArguments, requirementOf, uvArguments } from "./recipe.mjs";
import { formatBytes, formatDuration, formatRate } from "./terminal.mjs";
import { runTool } from "./tool.mjs";

/**
 * @typedef {import("./recipe.mjs").Recipe} Recipe
 * @typedef {import("./recipe.mjs").Wheel} Wheel
 * @typedef {{ client: import("./machine.mjs").Client, env: NodeJS.ProcessEnv, terminal: import("./terminal.mjs").Terminal,
 *   lock: import("./lock.mjs").Lock, staging: string }} Fetching
 */

const attempts = 3;
const watchMs = 500;

/**
 * One wheel of a recipe, through the user's own package client: an archive with pip, an installed folder with uv.
 * What an earlier set-up finished is used again; what it left half done is begun again.
 * @param {Recipe} recipe
 * @param {Wheel} wheel
 * @param {Fetching} fetching
 * @returns {Promise<{ archive: string } | { folder: string }>}
 */
export async function fetchWheel(recipe, wheel, fetching) {
  const { staging, terminal, client } = fetching;
  const done = join(staging, "wheels", `${wheel.name}-${wheel.version}${client.kind === "pip" ? ".whl" : ""}`);
  if (await isSound(done, wheel, client.kind)) {
    terminal.line("libtorch", `${wheel.name} ${wheel.version} is here from an earlier set-up`);
  } else {
    rmSync(done, { recursive: true, force: true });
    mkdirSync(join(staging, "wheels"), { recursive: true });
    const arrived = await download(recipe, wheel, fetching);
    renameSync(arrived, done);
  }
  return client.kind === "pip" ? { archive: done } : { folder: done };
}

/**
 * Digests are compared here once more, because the client may have been killed just after the file got its name.
 * @param {string} path
 * @param {Wheel} wheel
 * @param {"pip" | "uv"} kind
 */
async function isSound(path, { sha256 }, kind) {
  if (!statSync(path, { throwIfNoEntry: false })) return false;
  return kind === "uv" || (sha256 !== undefined && (await digestOfFile(path)) === sha256);
}

/**
 * @param {Recipe} recipe
 * @param {Wheel} wheel
 * @param {Fetching} fetching
 * @returns {Promise<string>} the file (pip) or folder (uv) that arrived
 */
async function download(recipe, wheel, fetching) {
  const { client, terminal, staging } = fetching;
  /** @type {string | undefined} */
  let got;
  for (let attempt = 1; ; attempt++) {
    const began = Date.now();
    const { output, arrived, bytes } = await tryDownload(recipe, wheel, fetching);
    if (arrived !== undefined) {
      terminal.line("libtorch", `${wheel.name} ${wheel.version}, ${formatBytes(bytes)} at ${formatRate(bytes, Date.now() - began)}`);
      return arrived;
    }
    // Older pips take a connection that closed early for the end of the file, and the digest tells. The same wrong digest twice is another file.
    const digest = digestGot(output);
    if (digest !== undefined && digest === got) throw wrongDigest(wheel);
    got = digest;
    if (!isBroken(output) || attempt === attempts) throw explainClient(output, { client: client.kind, wheel, folder: staging });
    terminal.line("libtorch", `the download of ${wheel.name} broke off; beginning it again (${attempt} of ${attempts - 1})`);
  }
}

/**
 * @param {Recipe} recipe
 * @param {Wheel} wheel
 * @param {Fetching} fetching
 */
async function tryDownload(recipe, wheel, { client, env, terminal, lock, staging }) {
  const work = join(staging, "client");
  rmSync(work, { recursive: true, force: true });
  const paths = { requirements: join(work, "requirements.txt"), folder: join(work, "out") };
  // The client's temporary files come here too: on the disk that has the room, and where their growth can be shown.
  const temporary = join(work, "tmp");
  mkdirSync(paths.folder, { recursive: true });
  mkdirSync(temporary);
  writeFileSync(paths.requirements, requirementOf(wheel));
  const args = client.kind === "pip" ? pipArguments(recipe, wheel, paths) : uvArguments(recipe, wheel, paths);
  const began = Date.now();
  let bytes = 0;
  const watch = setInterval(() => {
    bytes = Math.max(bytes, sizeOf(work));
    const of = wheel.bytes === undefined ? "" : ` of ${formatBytes(wheel.bytes)}`;
    terminal.progress(
      "libtorch",
      `${wheel.name} ${formatBytes(bytes)}${of} at ${formatRate(bytes, Date.now() - began)}, ${formatDuration(Date.now() - began)}`,
    );
  }, watchMs);
  const toolEnv = { ...env, TMPDIR: temporary, TMP: temporary, TEMP: temporary, LC_ALL: "C.UTF-8" };
  const { code, output } = await runTool({ command: client.command, args, env: toolEnv, lock }).finally(() => clearInterval(watch));
  if (code !== 0) return { output, bytes };
  const arrived = client.kind === "uv" ? paths.folder : await checkedArchive(paths.folder, wheel);
  return { output, arrived, bytes: wheel.bytes ?? sizeOf(arrived) };
}

/**
 * @param {string} folder
 * @param {Wheel} wheel
 */
async function checkedArchive(folder, wheel) {
  const file = readdirSync(folder).find((name) => name.endsWith(".whl"));
  if (file === undefined) throw new SetupFailure("internal", "EG-1102", `pip left no wheel of ${wheel.name}`, "run the same command again");
  const archive = join(folder, file);
  if (wheel.sha256 !== undefined && (await digestOfFile(archive)) !== wheel.sha256) throw wrongDigest(wheel);
  return archive;
}
