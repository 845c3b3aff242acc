// Wrong and odd arguments of operators, drawn from recorded ones. Shared by the fuzz test and its child process.
// @ts-check

/**
 * @typedef {unknown} Recorded an argument as JSON: a tensor is { tensor: { shape, dtype, values? } }
 * @typedef {{ shape: number[], dtype: string, values?: number[], layout?: string, device?: string, fill?: string }} TensorPlan
 */

const dtypes = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"];
const numbers = [
  0,
  1,
  -1,
  2,
  3,
  7,
  -7,
  64,
  1000,
  0.5,
  -0.25,
  1e-30,
  1e30,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 33,
  2 ** 40,
  2 ** 53,
  -(2 ** 53),
  2 ** 63,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
];
const layouts = ["transposed", "expanded", "strided", "offset", "channels-last"];

/** A generator of its own for each (operator, call), so that any call can be made again alone. @param {string} key */
export function randomOf(key) {
  let state = 0x811c9dc5;
  for (const letter of key) state = Math.imul(state ^ letter.charCodeAt(0), 0x01000193) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @template T @param {() => number} random @param {readonly T[]} from @returns {T} */
const pick = (random, from) => /** @type {T} */ (from[Math.floor(random() * from.length)]);

/** Argument list number `index` of an operator. @param {string} operator @param {number} index @param {readonly Recorded[][]} recorded */
export function draw(operator, index, recorded) {
  const random = randomOf(`${operator}/${index}`);
  /** @type {any[]} */
  const args = structuredClone(pick(random, recorded));
  // Some as they were recorded: their results are what the others must not damage.
  const changes = random() < 0.1 ? 0 : 1 + Math.floor(random() * 3);
  for (let i = 0; i < changes; i++) changeOne(random, args);
  return { args, backward: random() < 0.3 };
}

/** @param {() => number} random @param {any[]} args */
function changeOne(random, args) {
  const kind = random();
  if (kind < 0.04) args.pop();
  else if (kind < 0.08) args.push(pick(random, [null, 1, "x", true, []]));
  else if (args.length > 0) {
    const i = Math.floor(random() * args.length);
    args[i] = changed(random, args[i]);
  }
}

/** @param {() => number} random @param {any} value @returns {any} */
function changed(random, value) {
  if (random() < 0.12)
    return pick(random, [
      null,
      undefined,
      true,
      "none",
      "meta",
      [],
      [null],
      [1, 2],
      3,
      -1,
      0.5,
      { freed: true },
      { tensor: { shape: [2, 3], dtype: "float32" } },
    ]);
  if (Array.isArray(value)) return changedList(random, value);
  if (value !== null && typeof value === "object" && "tensor" in value) return { tensor: changedTensor(random, value.tensor) };
  if (typeof value === "boolean") return !value;
  if (typeof value === "string") return pick(random, ["tanh", "", "none", "cpu", "meta", "cuda", "x".repeat(300), "a\u0000b"]);
  return pick(random, numbers);
}

/** @param {() => number} random @param {any[]} list */
function changedList(random, list) {
  const kind = random();
  if (kind < 0.2) return [];
  if (kind < 0.35) return list.slice(0, -1);
  if (kind < 0.5) return [...list, ...list.slice(0, 1)];
  if (kind < 0.55) return Array.from({ length: 70 }, () => list[0] ?? 1);
  const i = Math.floor(random() * list.length);
  return list.map((each, at) => (at === i ? changed(random, each) : each));
}

/** @param {() => number} random @param {TensorPlan} plan @returns {TensorPlan} */
function changedTensor(random, plan) {
  const kind = random();
  const { values: _, ...rest } = plan;
  if (kind < 0.2) return { ...rest, dtype: pick(random, dtypes) };
  if (kind < 0.3) return { ...plan, layout: pick(random, layouts) };
  if (kind < 0.36) return { ...rest, device: "meta" };
  if (kind < 0.46)
    return plan.values
      ? { ...plan, values: plan.values.map((each) => (random() < 0.2 ? pick(random, [-1, 0, 2 ** 31 - 1, -(2 ** 31), 127]) : each)) }
      : { ...rest, fill: pick(random, ["nan", "zero", "huge"]) };
  return { ...rest, shape: changedShape(random, plan.shape) };
}

/** @param {() => number} random @param {readonly number[]} shape */
function changedShape(random, shape) {
  const kind = random();
  const i = Math.floor(random() * shape.length);
  if (kind < 0.1) return [];
  if (kind < 0.2) return shape.slice(1);
  if (kind < 0.3) return [1, ...shape];
  if (kind < 0.4) return [...shape].reverse();
  if (kind < 0.45) return Array.from({ length: 30 }, () => 1);
  return shape.map((length, at) => (at === i ? pick(random, [0, 1, length + 1, Math.max(0, length - 1), 2, 5]) : length));
}
