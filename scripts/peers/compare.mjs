// @ts-check
import { readFileSync } from "node:fs";

/**
 * How far a recomputed value may lie from the stored one: `absolute + scaled · (largest stored entry of the same array)`.
 * @typedef {{ absolute?: number, scaled?: number }} Allowance
 * @typedef {{ worst: number, where: string, problem?: string }} Outcome worst: the largest difference as a share of its allowance; above 1 fails
 */

/**
 * Compares two JSON files. Numbers and arrays of numbers under a key named in `rules`, however deep, may differ by its allowance, the innermost one; all else is equal.
 * @param {string} stored
 * @param {string} fresh
 * @param {Readonly<Record<string, Allowance>>} rules
 * @returns {Outcome}
 */
export function compareJson(stored, fresh, rules) {
  /** @type {Outcome} */
  let outcome = { worst: 0, where: "" };
  /** @param {Outcome} next */
  const take = (next) => {
    if (next.problem !== undefined || next.worst > outcome.worst) outcome = next;
  };
  /**
   * @param {unknown} a
   * @param {unknown} b
   * @param {readonly string[]} path
   */
  const walk = (a, b, path) => {
    if (outcome.problem !== undefined) return;
    const where = path.join("/");
    const rule = path.map((key) => (Object.hasOwn(rules, key) ? rules[key] : undefined)).findLast((each) => each !== undefined);
    if (rule && isNumbers(a) && isNumbers(b)) return take(compareNumbers([a].flat(), [b].flat(), rule, where));
    if (isObject(a) && isObject(b)) {
      const keys = Object.keys(a);
      if (keys.join("\n") !== Object.keys(b).join("\n")) return take({ worst: Infinity, where, problem: "other keys" });
      for (const key of keys) walk(a[key], b[key], [...path, key]);
    } else if (JSON.stringify(a) !== JSON.stringify(b)) take({ worst: Infinity, where, problem: "another value" });
  };
  walk(JSON.parse(readFileSync(stored, "utf8")), JSON.parse(readFileSync(fresh, "utf8")), []);
  return outcome;
}

/** @param {unknown} value @returns {value is number | number[]} */
function isNumbers(value) {
  return typeof value === "number" || (Array.isArray(value) && value.every((each) => typeof each === "number"));
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/**
 * Compares the tensors of two safetensors files, each by its own scale.
 * @param {string} stored
 * @param {string} fresh
 * @param {Allowance} rule
 * @returns {Outcome}
 */
export function compareTensors(stored, fresh, rule) {
  const [ours, theirs] = [tensorsOf(stored), tensorsOf(fresh)];
  if ([...ours.keys()].sort().join("\n") !== [...theirs.keys()].sort().join("\n"))
    return { worst: Infinity, where: "", problem: "other tensors" };
  return [...ours]
    .map(([name, values]) => compareNumbers(values, theirs.get(name) ?? [], rule, name))
    .reduce((a, b) => (b.worst > a.worst ? b : a));
}

/**
 * @param {string} file
 * @returns {Map<string, Float32Array | BigInt64Array>}
 */
function tensorsOf(file) {
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  /** @type {Record<string, { dtype: string, data_offsets: [number, number] }>} */
  const header = JSON.parse(bytes.toString("utf8", 8, start));
  const arrays = /** @type {const} */ ({ F32: Float32Array, I64: BigInt64Array });
  const entries = Object.entries(header).filter(([name]) => name !== "__metadata__");
  return new Map(
    entries.map(
      ([
        name,
        {
          dtype,
          data_offsets: [from, to],
        },
      ]) => {
        if (dtype !== "F32" && dtype !== "I64") throw new Error(`${file}: ${name} is ${dtype}, which is not compared`);
        return [name, new arrays[dtype](Uint8Array.from(bytes.subarray(start + from, start + to)).buffer)];
      },
    ),
  );
}

/**
 * @param {ArrayLike<number | bigint>} stored
 * @param {ArrayLike<number | bigint>} fresh
 * @param {Allowance} rule
 * @param {string} where
 * @returns {Outcome}
 */
export function compareNumbers(stored, fresh, { absolute = 0, scaled = 0 }, where) {
  if (stored.length !== fresh.length) return { worst: Infinity, where, problem: `${fresh.length} values instead of ${stored.length}` };
  let scale = 0;
  for (let i = 0; i < stored.length; i++) scale = Math.max(scale, Math.abs(Number(stored[i])));
  const allowed = absolute + scaled * scale;
  let worst = 0;
  let at = 0;
  for (let i = 0; i < stored.length; i++) {
    const difference = Math.abs(Number(fresh[i]) - Number(stored[i]));
    const share = difference === 0 ? 0 : difference / allowed;
    if (!(share <= worst)) [worst, at] = [Number.isNaN(share) ? Infinity : share, i];
  }
  return { worst, where: `${where}[${at}]` };
}
