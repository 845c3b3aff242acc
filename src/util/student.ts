/**
 * Two-sided 95 % quantile of Student's t with a whole number of degrees of freedom from 1: 12.706, 4.303, 3.182, … → 1.960.
 * Source: Abramowitz and Stegun 26.7.3 and 26.7.4, inverted by bisection.
 */
export function studentT95(degrees: number): number {
  if (!Number.isInteger(degrees) || degrees < 1) throw new RangeError(`internal: Student's t with ${degrees} degrees of freedom`);
  // The angle whose tangent is t/√ν lies below a right one.
  let [low, high] = [0, Math.PI / 2];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (shareWithin(middle, degrees) < 0.95) low = middle;
    else high = middle;
  }
  return Math.sqrt(degrees) * Math.tan((low + high) / 2);
}

/** P(|T| ≤ √ν · tan θ). */
function shareWithin(angle: number, degrees: number): number {
  const cosine = Math.cos(angle);
  const isOdd = degrees % 2 === 1;
  let term = isOdd ? cosine : 1;
  let sum = degrees === 1 ? 0 : term;
  for (let k = isOdd ? 3 : 2; k < degrees; k += 2) {
    term *= ((k - 1) / k) * cosine * cosine;
    sum += term;
  }
  const inner = Math.sin(angle) * sum;
  return isOdd ? (2 / Math.PI) * (angle + inner) : inner;
}
