/** `batch_size` → `batchSize`. Files speak snake_case, TypeScript camelCase; this is the only mapping between them. */
type Camel<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S;

/** A value's type with all its keys in camelCase. */
export type CamelKeys<T> = T extends readonly unknown[]
  ? { readonly [I in keyof T]: CamelKeys<T[I]> }
  : T extends object
    ? { readonly [K in keyof T as K extends string ? Camel<K> : K]: CamelKeys<T[K]> }
    : T;

/** `batch_size` → `batchSize`. */
function camelCase(key: string): string {
  return key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** `batchSize` → `batch_size`. */
export function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The value with all keys of its maps in camelCase, at any depth; values are untouched. */
export function camelKeys<T>(value: T): CamelKeys<T> {
  return mapKeys(value, camelCase) as CamelKeys<T>;
}

/** The inverse of `camelKeys` for keys made of words. */
export function snakeKeys(value: unknown): unknown {
  return mapKeys(value, snakeCase);
}

function mapKeys(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => mapKeys(item, rename));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [rename(key), mapKeys(item, rename)]));
}
