/**
 * Elementary functions from IEEE additions, multiplications and divisions alone. `Math.log` and `Math.cos` may differ between
 * versions of Node; what reaches weights (learning rates, initial values) must not.
 */

// ln 2 in two parts; the first has 21 zero bits at its end, so that its product with an exponent is exact.
const ln2High = 0.6931471803691238;
const ln2Low = 1.9082149292705877e-10;
// Scratch for taking a number apart; nothing in it outlives a call.
const bits = new DataView(new ArrayBuffer(8));

/** Natural logarithm, within 1e-15 relative. */
export function ln(x: number): number {
  if (Number.isNaN(x) || x < 0) return Number.NaN;
  if (x === 0) return Number.NEGATIVE_INFINITY;
  if (x === Number.POSITIVE_INFINITY) return x;
  const { fraction, exponent } = split(x);
  // ln m = 2 artanh((m − 1)/(m + 1)); |s| ≤ 0.172, so ten odd powers reach 1e-18.
  const s = (fraction - 1) / (fraction + 1);
  const z = s * s;
  let series = 0;
  for (let k = 21; k >= 3; k -= 2) series = (series + 1 / k) * z;
  return exponent * ln2High + (exponent * ln2Low + 2 * (s + s * series));
}

/** eˣ, within 1e-15 relative where the result is a normal number. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.79) return Number.POSITIVE_INFINITY;
  if (x < -745.14) return 0;
  const exponent = Math.round(x / Math.LN2);
  // |rest| ≤ 0.347, so the first term left out of the series is below 1e-19.
  const rest = x - exponent * ln2High - exponent * ln2Low;
  let series = 1;
  for (let k = 16; k >= 1; k--) series = 1 + (rest * series) / k;
  // In two factors, since 2^1024 and 2^-1074 are no normal numbers.
  const half = exponent >> 1;
  return series * powerOfTwo(half) * powerOfTwo(exponent - half);
}

/** 2^exponent for a normal number. */
function powerOfTwo(exponent: number): number {
  bits.setUint32(0, (exponent + 1023) << 20);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}

/** x = fraction · 2^exponent with the fraction in [√½, √2). */
function split(x: number): { readonly fraction: number; readonly exponent: number } {
  const isSubnormal = x < 2 ** -1022;
  bits.setFloat64(0, isSubnormal ? x * 2 ** 54 : x);
  const high = bits.getUint32(0);
  let exponent = ((high >>> 20) & 0x7ff) - 1023 - (isSubnormal ? 54 : 0);
  bits.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  let fraction = bits.getFloat64(0);
  if (fraction > Math.SQRT2) {
    fraction /= 2;
    exponent += 1;
  }
  return { fraction, exponent };
}

/** cos(πx), within 1e-15 relative; exact where x is a multiple of one half. |x| < 2⁵¹. */
export function cosPi(x: number): number {
  const quarter = Math.round(2 * x);
  const rest = x - quarter / 2; // exact, in [−¼, ¼]
  const turn = ((quarter % 4) + 4) % 4;
  if (turn === 0) return cosSeries(Math.PI * rest);
  if (turn === 1) return 0 - sinSeries(Math.PI * rest);
  if (turn === 2) return -cosSeries(Math.PI * rest);
  return sinSeries(Math.PI * rest);
}

// Taylor series; for |x| ≤ π/4 the first term left out is below 1e-19.
function cosSeries(x: number): number {
  const z = x * x;
  let sum = 1;
  for (let k = 18; k >= 2; k -= 2) sum = 1 - (sum * z) / (k * (k - 1));
  return sum;
}

function sinSeries(x: number): number {
  const z = x * x;
  let sum = 1;
  for (let k = 19; k >= 3; k -= 2) sum = 1 - (sum * z) / (k * (k - 1));
  return x * sum;
}
