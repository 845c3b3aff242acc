/** The last few values of a pure function of one number. */
export function remember<T>(count: number, compute: (key: number) => T): (key: number) => T {
  const kept = new Map<number, T>();
  return (key) => {
    const known = kept.get(key);
    if (known !== undefined) return known;
    const value = compute(key);
    const oldest = kept.keys().next();
    if (kept.size >= count && !oldest.done) kept.delete(oldest.value);
    kept.set(key, value);
    return value;
  };
}
