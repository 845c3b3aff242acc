/** `1.4 GB`: decimal units, as disks and downloads are sold. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

const flopPrefixes = ["", "k", "M", "G", "T", "P", "E", "Z"];

/** The largest decimal prefix in which an amount of work is at least 1, and what it is divided by. */
export function flopScale(flops: number): { readonly divisor: number; readonly prefix: string } {
  let [at, divisor] = [0, 1];
  while (flops / divisor >= 1000 && at < flopPrefixes.length - 1) {
    at++;
    divisor *= 1000;
  }
  return { divisor, prefix: flopPrefixes[at] ?? "" };
}

/** `63.39 TFLOP`. */
export function formatFlops(flops: number, unit = "FLOP"): string {
  const { divisor, prefix } = flopScale(flops);
  return `${(flops / divisor).toPrecision(4)} ${prefix}${unit}`;
}

/** `1h 04m`, `2m 05s`, `8.3s`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  const pad = (n: number): string => String(n).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${pad(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h ${pad(Math.floor((whole % 3600) / 60))}m`;
}

const durations: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 6e4, min: 6e4, h: 3.6e6, d: 8.64e7 };

/** Milliseconds of `15m`, `2h`, `90 s`; undefined when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const match = /^\s*([0-9]*\.?[0-9]+)\s*([a-z]+)\s*$/i.exec(text);
  const unit = durations[match?.[2]?.toLowerCase() ?? ""];
  return match && unit !== undefined ? Number(match[1]) * unit : undefined;
}

const byteUnits: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** Bytes of `40 GiB`, `8MB`; undefined when the text is no size. */
export function parseBytes(text: string): number | undefined {
  const match = /^\s*([0-9]*\.?[0-9]+)\s*([a-z]+)\s*$/i.exec(text);
  const unit = byteUnits[match?.[2]?.toLowerCase() ?? ""];
  return match && unit !== undefined ? Math.round(Number(match[1]) * unit) : undefined;
}
