// @ts-check
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { checkoutCure, explainSystemError } from "./failure.mjs";
import { acquireLock } from "./lock.mjs";

/**
 * What every step is given. The lock is held while a step runs.
 * @typedef {{ places: import("./places.mjs").Places, env: NodeJS.ProcessEnv, terminal: import("./terminal.mjs").Terminal, lock: import("./lock.mjs").Lock }} Context
 *
 * One part of set-up: whether there is nothing to do (asked often, so cheap), and the doing.
 * @typedef {{ name: string, isFresh(context: Omit<Context, "lock">): boolean, run(context: Context): Promise<void> }} Step
 */

/**
 * Brings the steps up to date in their order. Where all are, nothing is written and no lock is taken.
 * @param {readonly Step[]} steps
 * @param {Omit<Context, "lock">} context
 * @returns {Promise<number>} how many steps had work to do
 */
export async function bringUpToDate(steps, context) {
  if (steps.every((step) => step.isFresh(context))) return 0;
  const { places, terminal } = context;
  const lock = await lockCheckout(places, (pid) =>
    terminal.line("checkout", `waiting for the set-up that works here already (process ${pid})`),
  );
  try {
    let worked = 0;
    for (const step of steps) {
      if (step.isFresh(context)) continue;
      await step.run({ ...context, lock });
      worked++;
    }
    return worked;
  } finally {
    lock.release();
    terminal.wipe();
  }
}

/**
 * @param {import("./places.mjs").Places} places
 * @param {(pid: number) => void} onWait
 */
async function lockCheckout(places, onWait) {
  try {
    makeFolder(dirname(places.lock));
    return await acquireLock(places.lock, { onWait: ({ pid }) => onWait(pid) });
  } catch (error) {
    throw explainSystemError(error, places.root, checkoutCure);
  }
}

/**
 * Not the recursive mkdir, which reports a read-only file system as ENOENT.
 * @param {string} folder
 */
function makeFolder(folder) {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}
