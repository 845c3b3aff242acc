// @ts-check

/** @typedef {{ write(text: string): unknown, isTTY?: boolean }} Stream */
/** @typedef {ReturnType<typeof createTerminal>} Terminal */

const plainIntervalMs = 10_000;
const liveIntervalMs = 100;

/**
 * Writes what set-up does: finished lines, and one live line that is redrawn on a terminal and repeated every ten seconds elsewhere.
 * @param {Stream} stream
 * @param {() => number} [now] milliseconds
 */
export function createTerminal(stream, now = Date.now) {
  let live = false;
  let drawnAt = -Infinity;
  const wipe = () => {
    if (live) stream.write("\r\x1b[K");
    live = false;
  };
  return {
    /**
     * @param {string} step
     * @param {string} text
     */
    line(step, text) {
      wipe();
      stream.write(`${label(step)}${text}\n`);
    },
    /**
     * @param {string} step
     * @param {string} text
     */
    progress(step, text) {
      const at = now();
      if (at - drawnAt < (stream.isTTY ? liveIntervalMs : plainIntervalMs)) return;
      drawnAt = at;
      if (!stream.isTTY) return void stream.write(`${label(step)}${text}\n`);
      stream.write(`\r\x1b[K${label(step)}${text}`);
      live = true;
    },
    wipe,
  };
}

/** @param {string} step */
function label(step) {
  return `set-up  ${step.padEnd(10)}`;
}

/**
 * Bytes in decimal units, three digits: `539 MB`.
 * @param {number} bytes
 */
export function formatBytes(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

/**
 * @param {number} bytes
 * @param {number} ms
 */
export function formatRate(bytes, ms) {
  return `${formatBytes((bytes / Math.max(ms, 1)) * 1000)}/s`;
}

/** @param {number} ms */
export function formatDuration(ms) {
  if (ms < 99_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, "0")}s`;
}
