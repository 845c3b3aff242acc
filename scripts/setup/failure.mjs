// @ts-check

/** Exit codes of set-up; the same numbers as the command's (src/util/errors.ts). */
export const exitCodes = /** @type {const} */ ({ internal: 1, usage: 2, data: 4, resources: 5, network: 6, conflict: 9 });

/** A failure of set-up that the user can mend: one sentence on what is wrong, one on the cure. */
export class SetupFailure extends Error {
  /**
   * @param {keyof typeof exitCodes} exit
   * @param {string} code `EG-` and four digits, the first being the exit code
   * @param {string} message
   * @param {string} fix
   */
  constructor(exit, code, message, fix) {
    super(message);
    this.name = "SetupFailure";
    this.exit = exit;
    this.code = code;
    this.fix = fix;
  }
}

/**
 * Turns what the operating system threw into a failure with a cure.
 * @param {unknown} error
 * @param {string} folder the folder that was written to
 * @param {string} cure what to do when that folder cannot be written
 * @returns {unknown} a SetupFailure where the cause is known, else the error itself
 */
export function explainSystemError(error, folder, cure) {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOSPC" || code === "EDQUOT") return diskFull(folder);
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return new SetupFailure("resources", "EG-5102", `cannot write to ${folder} (${code})`, cure);
  }
  return error;
}

/**
 * @param {string} folder
 * @param {string} [detail]
 */
export function diskFull(folder, detail = "") {
  return new SetupFailure(
    "resources",
    "EG-5103",
    `the disk that holds ${folder} is full${detail}`,
    "free some space, or set EVERGREEN_CACHE to a folder on a larger disk, then run the same command again",
  );
}

/** The cure where the cache cannot be written. */
export const cacheCure = "set EVERGREEN_CACHE to a folder you can write, for example EVERGREEN_CACHE=/data/evergreen";
/** The cure where the checkout cannot be written. */
export const checkoutCure = "copy the checkout to a folder you can write (cp -r) and run the command there";

/**
 * The failure as the terminal shows it.
 * @param {unknown} error
 */
export function formatFailure(error) {
  if (error instanceof SetupFailure) return `error[${error.code}]: ${error.message}\n  fix: ${error.fix}`;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `error[EG-1101]: internal: ${text}\n  this is a defect of Evergreen's set-up; please report it with the lines above`;
}
