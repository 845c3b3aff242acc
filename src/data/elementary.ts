// Math.exp, Math.sin and Math.cos may differ in the last bit between Node versions, and what they give here decides training pixels.
// These use additions, multiplications and divisions alone, which IEEE 754 fixes.

/** eˣ for |x| ≤ 700, within 4 units in the last place. */
export function exp(x: number): number {
  const halvings = Math.max(0, Math.ceil(Math.abs(x) * 4)) > 1 ? 32 - Math.clz32(Math.ceil(Math.abs(x) * 4)) : 0;
  const reduced = x / 2 ** halvings;
  let term = 1;
  let sum = 1;
  for (let n = 1; n <= 18; n++) {
    term = (term * reduced) / n;
    sum += term;
  }
  for (let i = 0; i < halvings; i++) sum *= sum;
  return sum;
}

/** Sine and cosine for |x| ≤ 2π. */
export function sinCos(x: number): { readonly sin: number; readonly cos: number } {
  let sin = 0;
  let cos = 0;
  let term = 1;
  for (let n = 0; n < 40; n += 2) {
    const sign = n % 4 === 0 ? 1 : -1;
    cos += sign * term;
    term = (term * x) / (n + 1);
    sin += sign * term;
    term = (term * x) / (n + 2);
  }
  return { sin, cos };
}

/** Natural logarithm of a number in [2⁻¹⁰, 2¹⁰], by Newton's method on eˣ. */
export function log(x: number): number {
  let y = 0;
  for (let i = 0; i < 40; i++) y += (2 * (x - exp(y))) / (x + exp(y));
  return y;
}
