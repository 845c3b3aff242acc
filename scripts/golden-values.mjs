// Numbers as printed, with the tolerance their print gives them: integers exact, floats half a unit of the last digit.

const printed = String.raw`[−-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:e[−-]?\d+)?`;

/** A float printed with this many digits is never held closer than four units in the last place of a double. */
const closest = 4 * 2 ** -52;

class Printed {
  constructor(value, unit) {
    this.value = value;
    this.unit = unit;
  }
}

/** A printed number: `−1,420`, `.5`, `7.6e-5`. */
export function number(text) {
  const plain = text.trim().replaceAll("−", "-").replaceAll(",", "");
  const value = Number(plain);
  if (plain === "" || !Number.isFinite(value)) throw new Error(`not a number: "${text}"`);
  const [mantissa, exponent = "0"] = plain.split("e");
  const decimals = mantissa.split(".")[1]?.length;
  return new Printed(value, decimals === undefined && exponent === "0" ? 0 : 10 ** (Number(exponent) - (decimals ?? 0)));
}

/** All printed numbers of a text, in order. */
export function numbers(text) {
  return [...text.matchAll(new RegExp(printed, "g"))].flatMap(([hit]) => (/\d/.test(hit) ? [number(hit)] : []));
}

/** Their values alone, for inputs. */
export function values(text) {
  return numbers(text).map(({ value }) => value);
}

/** Splits a tree of printed numbers and exact values into expected values and tolerances of the same shape; one number where all floats share it. */
export function settle(tree, tolerance) {
  const expected = map(tree, (leaf) => (leaf instanceof Printed ? leaf.value : leaf));
  const own = map(tree, (leaf) => toleranceOf(leaf, tolerance));
  const all = new Set(leaves(own));
  return { expected, tolerance: all.size === 1 ? [...all][0] : own };
}

/** The finest tolerance of a tree's floats: in a row of many digits a number printed short is exact, not coarse. */
export function finest(tree) {
  const units = leaves(tree).flatMap((leaf) => (leaf instanceof Printed && leaf.unit > 0 ? [leaf.unit] : []));
  return units.length === 0 ? 0 : Number((Math.min(...units) / 2).toPrecision(3));
}

/** A cell of any row, as far as it can be read: alternatives by " / ", lists by ", ", numbers where they are numbers. */
export function readCell(text) {
  const parts = text.split(" / ");
  if (parts.length > 1) return parts.map(readCell);
  const items = text.split(/, (?![^(]*\))/);
  if (items.length > 1) return items.map(readCell);
  const bare = text.replace(/ \([PRCEI][^)]*\)$/, "").trim();
  return new RegExp(`^(?:${printed})$`).test(bare) && /\d/.test(bare) ? number(bare) : text.trim();
}

function toleranceOf(leaf, given) {
  if (given !== undefined && typeof leaf !== "string") return given;
  if (!(leaf instanceof Printed) || leaf.unit === 0) return 0;
  return Number(Math.max(leaf.unit / 2, closest * Math.abs(leaf.value)).toPrecision(3));
}

function map(tree, leafOf) {
  if (Array.isArray(tree)) return tree.map((item) => map(item, leafOf));
  if (tree !== null && typeof tree === "object" && !(tree instanceof Printed))
    return Object.fromEntries(Object.entries(tree).map(([key, item]) => [key, map(item, leafOf)]));
  return leafOf(tree);
}

function leaves(tree) {
  const found = [];
  map(tree, (leaf) => found.push(leaf));
  return found;
}
