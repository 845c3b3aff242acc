import type { RowProducts } from "./stream.ts";

/** Unit vectors, row by row. */
export interface VectorTable {
  readonly rows: number;
  readonly width: number;
  readonly values: Float32Array;
}

/** For each row the rows most like it. */
export interface Neighbours {
  /** Kept for each row. */
  readonly kept: number;
  /** [rows, kept], nearest first, by float32 products. */
  readonly indices: Uint32Array;
  readonly cosines: Float32Array;
  /** How far a float32 product may be from the exact one. */
  readonly error: number;
}

const blockRows = 256;
const buckets = 4096;
/** Rows are told apart by 20 bits of a sorting key. */
const indexBits = 2 ** 20;

/** Cosine of two rows, summed in double precision in a fixed order: the same on every machine. */
export function cosine({ width, values }: VectorTable, a: number, b: number): number {
  let sum = 0;
  for (let i = a * width, j = b * width, end = i + width; i < end; i++, j++) sum += (values[i] as number) * (values[j] as number);
  return sum;
}

/** The `wanted` nearest rows of each row, from products in blocks of rows: the whole matrix is never held. At most 2²⁰ rows. */
export function nearestRows(table: VectorTable, wanted: number, products: RowProducts = plainProducts): Neighbours {
  const { rows, width, values } = table;
  if (rows > indexBits) throw new RangeError(`internal: ${rows} rows to compare, at most ${indexBits}`);
  const kept = Math.max(0, Math.min(wanted, rows - 1));
  const indices = new Uint32Array(rows * kept);
  const cosines = new Float32Array(rows * kept);
  const keys = new Float64Array(rows);
  for (let from = 0; from < rows; from += blockRows) {
    const to = Math.min(rows, from + blockRows);
    const block = products(values, width, { from, to });
    for (let row = from; row < to; row++) {
      const products = block.subarray((row - from) * rows, (row - from + 1) * rows);
      const sorted = keys.subarray(0, candidates(products, { self: row, wanted: kept, into: keys })).sort();
      for (let place = 0; place < kept; place++) {
        const index = indexBits - 1 - ((sorted[sorted.length - 1 - place] as number) % indexBits);
        indices[row * kept + place] = index;
        cosines[row * kept + place] = products[index] as number;
      }
    }
  }
  return { kept, indices, cosines, error: width * 2 ** -24 };
}

/** Writes keys of at least `wanted` nearest rows, found by a histogram; sorted keys give the larger cosine last, of equals the lower index. */
function candidates(
  products: Float32Array,
  { self, wanted, into }: { readonly self: number; readonly wanted: number; readonly into: Float64Array },
): number {
  const histogram = new Uint32Array(buckets + 1);
  for (let i = 0; i < products.length; i++)
    if (i !== self) histogram[bucketOf(products[i] as number)] = (histogram[bucketOf(products[i] as number)] ?? 0) + 1;
  let least = buckets;
  for (let above = histogram[least] ?? 0; above < wanted && least > 0; above += histogram[least] ?? 0) least--;
  let count = 0;
  for (let i = 0; i < products.length; i++) {
    const product = products[i] as number;
    if (i === self || bucketOf(product) < least) continue;
    into[count++] = Math.floor((Math.min(Math.max(product, -1.5), 1.5) + 2) * 2 ** 30) * indexBits + (indexBits - 1 - i);
  }
  return count;
}

/** Bucket of a cosine; what rounding puts outside of [−1, 1] goes to the ends. */
function bucketOf(product: number): number {
  return product >= 1 ? buckets : product <= -1 ? 0 : ((product + 1) * (buckets / 2)) | 0;
}

/** The products in plain TypeScript. */
const plainProducts: RowProducts = (values, width, { from, to }) => {
  const rows = values.length / width;
  const block = new Float32Array((to - from) * rows);
  for (let row = from; row < to; row++)
    for (let other = 0; other < rows; other++) block[(row - from) * rows + other] = cosine({ rows, width, values }, row, other);
  return block;
};
