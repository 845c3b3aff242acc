import type { Place } from "./errors.ts";

/** Where a value came from, lowest first. */
export type ConfigLayer = "built-in" | "preset" | "file" | "environment" | "set";

export interface ConfigSource {
  readonly layer: ConfigLayer;
  /** Folder that relative paths in it start from. */
  readonly base: string;
}

interface NodeBase {
  readonly place: Place;
  readonly source: ConfigSource;
}
type Scalar = string | number | boolean | null;
export interface ScalarNode extends NodeBase {
  readonly kind: "scalar";
  readonly value: Scalar;
}
export interface ListNode extends NodeBase {
  readonly kind: "list";
  readonly items: readonly ConfigNode[];
}
export interface MapEntry {
  readonly keyPlace: Place;
  readonly node: ConfigNode;
}
export interface MapNode extends NodeBase {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, MapEntry>;
}
/** A configuration value that knows where it stands. */
export type ConfigNode = ScalarNode | ListNode | MapNode;
export type ConfigPath = readonly (string | number)[];

/** `data.mixture.update`, `eval.suite[0]`. */
export function formatPath(path: ConfigPath): string {
  return path.map((part, i) => (typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`)).join("");
}

/** An empty map, the start of a merge. */
export function emptyTree(source: ConfigSource): MapNode {
  return { kind: "map", entries: new Map(), place: { file: source.layer }, source };
}

/**
 * `high` over `low`: maps merge, everything else replaces, null clears. A map at one of the `parts` (dotted paths) whose `name`
 * differs from the lower one's replaces it whole: the options of one part mean nothing to another.
 */
export function mergeTrees(low: MapNode, high: MapNode, parts: ReadonlySet<string>, path: ConfigPath = []): MapNode {
  const kept = parts.has(formatPath(path)) && namesAnother(low, high) ? new Map<string, MapEntry>() : new Map(low.entries);
  for (const [key, entry] of high.entries) {
    const below = kept.get(key)?.node;
    if (entry.node.kind === "scalar" && entry.node.value === null) kept.delete(key);
    else if (entry.node.kind === "map") {
      const base = below?.kind === "map" ? below : emptyTree(entry.node.source);
      kept.set(key, { ...entry, node: mergeTrees(base, entry.node, parts, [...path, key]) });
    } else kept.set(key, entry);
  }
  return { ...high, entries: kept };
}

function namesAnother(low: MapNode, high: MapNode): boolean {
  const before = nodeAt(low, ["name"]);
  const after = nodeAt(high, ["name"]);
  return before?.kind === "scalar" && after?.kind === "scalar" && before.value !== after.value;
}

/** The node at a path, if there is one. */
export function nodeAt(root: ConfigNode, path: ConfigPath): ConfigNode | undefined {
  let node: ConfigNode | undefined = root;
  for (const part of path) {
    if (node?.kind === "map") node = node.entries.get(String(part))?.node;
    else if (node?.kind === "list" && typeof part === "number") node = node.items[part];
    else return undefined;
  }
  return node;
}

/** Place of the node at a path, or of the nearest ancestor that exists. */
export function placeAt(root: ConfigNode, path: ConfigPath): Place {
  for (let length = path.length; length > 0; length--) {
    const node = nodeAt(root, path.slice(0, length));
    if (node) return node.place;
  }
  return root.place;
}

/** Place of the key that ends a path. */
export function keyPlaceAt(root: ConfigNode, path: ConfigPath): Place {
  const parent = nodeAt(root, path.slice(0, -1));
  const entry = parent?.kind === "map" ? parent.entries.get(String(path.at(-1))) : undefined;
  return entry?.keyPlace ?? placeAt(root, path);
}

/** Every scalar with its path, in document order. */
export function* scalars(node: ConfigNode, path: ConfigPath = []): Generator<readonly [ConfigPath, ScalarNode]> {
  if (node.kind === "scalar") yield [path, node];
  else if (node.kind === "list") for (const [i, item] of node.items.entries()) yield* scalars(item, [...path, i]);
  else for (const [key, entry] of node.entries) yield* scalars(entry.node, [...path, key]);
}

/** The plain value, each scalar put through `read`. */
export function plainOf(node: ConfigNode, read: (node: ScalarNode, path: ConfigPath) => unknown, path: ConfigPath = []): unknown {
  if (node.kind === "scalar") return read(node, path);
  if (node.kind === "list") return node.items.map((item, i) => plainOf(item, read, [...path, i]));
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, plainOf(entry.node, read, [...path, key])]));
}
