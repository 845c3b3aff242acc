import { type Alias, isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseAllDocuments, type Scalar } from "yaml";
import { ConfigError, type Problem } from "./config-problem.ts";
import type { ConfigNode, ConfigSource, MapEntry, MapNode } from "./config-tree.ts";
import { emptyTree } from "./config-tree.ts";
import type { Place } from "./errors.ts";

/** Far above any configuration a person writes, far below what would hurt. */
const limits = { bytes: 1 << 20, nodes: 20_000, depth: 40, problems: 5 } as const;
const unsafeKeys = new Set(["__proto__", "constructor", "prototype"]);

/**
 * A YAML 1.2 (core) text as a tree of values that know their line and column. Duplicate keys, unknown tags, several documents,
 * numbers that are not finite and aliases that grow without bound are refused, all problems together.
 * @throws {ConfigError}
 */
export function readYaml(text: string, file: string, source: ConfigSource): ConfigNode {
  if (Buffer.byteLength(text) > limits.bytes) throw new ConfigError([{ place: { file }, message: `is larger than ${limits.bytes} bytes` }]);
  const lines = new LineCounter();
  const placeOf = (offset: number | undefined): Place => {
    if (offset === undefined) return { file };
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const [document, second] = parse(text, file, lines);
  if (!document) return emptyTree(source);
  const rows = text.split("\n");
  const rowOf = ({ pos }: { readonly pos: readonly [number, number] }): number => lines.linePos(pos[0]).line;
  // What follows the first error of a line is mostly its echo.
  const errors = [...document.errors, ...document.warnings].filter(
    (error, i, all) => all.findIndex((other) => rowOf(other) === rowOf(error)) === i,
  );
  const problems = errors.slice(0, limits.problems).map((error): Problem => {
    const place = placeOf(error.pos[0]);
    if (error.code === "DUPLICATE_KEY") return { place, message: "duplicate key; expected each key once" };
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the reference is meant as text
    const quoted = rows[(place.line ?? 1) - 1]?.includes("${env:") ? { fix: "put quotes around a text with ${env:…} inside braces" } : {};
    return { place, message: `not valid YAML: ${error.message.split("\n")[0]}`, ...quoted };
  });
  if (second) problems.push({ place: placeOf(second.range?.[0]), message: "a second document; expected one" });
  if (problems.length > 0) throw new ConfigError(problems);
  const walker = new Walker(document, source, placeOf);
  const node = walker.node(document.contents as Node | null, 0);
  if (walker.problems.length > 0) throw new ConfigError(walker.problems);
  return node;
}

/** As `readYaml`, for a text whose top must be a map; an empty text is an empty map. @throws {ConfigError} */
export function readYamlMap(text: string, file: string, source: ConfigSource): MapNode {
  const node = readYaml(text, file, source);
  if (node.kind === "map") return node;
  if (node.kind === "scalar" && node.value === null) return { ...emptyTree(source), place: { file, line: 1, column: 1 } };
  throw new ConfigError([
    {
      place: node.place,
      message: `expected a map of keys at the top, got ${node.kind === "list" ? "a list" : `${JSON.stringify(node.value)}`}`,
    },
  ]);
}

type YamlDocument = Extract<ReturnType<typeof parseAllDocuments>, readonly unknown[]>[number];

function parse(text: string, file: string, lineCounter: LineCounter): readonly YamlDocument[] {
  try {
    const documents = parseAllDocuments(text, {
      version: "1.2",
      schema: "core",
      uniqueKeys: true,
      merge: false,
      prettyErrors: false,
      lineCounter,
    });
    return Array.isArray(documents) ? documents : [];
  } catch (error) {
    if (error instanceof RangeError) throw new ConfigError([{ place: { file }, message: `nested more than ${limits.depth} levels deep` }]);
    throw error;
  }
}

class Walker {
  readonly problems: Problem[] = [];
  private seen = 0;
  private readonly document: YamlDocument;
  private readonly source: ConfigSource;
  private readonly placeOf: (offset: number | undefined) => Place;

  constructor(document: YamlDocument, source: ConfigSource, placeOf: (offset: number | undefined) => Place) {
    this.document = document;
    this.source = source;
    this.placeOf = placeOf;
  }

  node(yaml: Node | null, depth: number): ConfigNode {
    const place = this.placeOf(yaml?.range?.[0]);
    const base = { place, source: this.source };
    if (++this.seen > limits.nodes || depth > limits.depth)
      return this.refuse(place, `more than ${limits.nodes} values or ${limits.depth} levels once aliases are expanded`);
    if (isAlias(yaml)) return this.alias(yaml, depth);
    if (isSeq(yaml)) return { ...base, kind: "list", items: yaml.items.map((item) => this.node(item as Node | null, depth + 1)) };
    if (isMap(yaml)) {
      const entries = new Map<string, MapEntry>();
      for (const pair of yaml.items) if (isPair(pair)) this.entry(entries, pair as { key: unknown; value: unknown }, depth);
      return { ...base, kind: "map", entries };
    }
    if (isScalar(yaml)) return this.scalar(yaml, place);
    return { ...base, kind: "scalar", value: null };
  }

  private alias(yaml: Alias, depth: number): ConfigNode {
    const target = yaml.resolve(this.document);
    return target ? this.node(target, depth + 1) : this.refuse(this.placeOf(yaml.range?.[0]), `alias *${yaml.source} names no anchor`);
  }

  private entry(entries: Map<string, MapEntry>, pair: { key: unknown; value: unknown }, depth: number): void {
    const key = isScalar(pair.key) ? pair.key.value : undefined;
    const keyPlace = this.placeOf((pair.key as Node | null)?.range?.[0]);
    if (typeof key !== "string" || unsafeKeys.has(key))
      this.refuse(keyPlace, `expected a word as key, got ${JSON.stringify(key) ?? "a collection"}`);
    else if (this.seen <= limits.nodes) entries.set(key, { keyPlace, node: this.node(pair.value as Node | null, depth + 1) });
  }

  private scalar(yaml: Scalar, place: Place): ConfigNode {
    const { value } = yaml;
    const base = { place, source: this.source, kind: "scalar" } as const;
    if (typeof value === "number" && !Number.isFinite(value))
      return this.refuse(place, `expected a finite number, got ${String(yaml.source ?? value)}`);
    if (value === null || value === undefined) return { ...base, value: null };
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return { ...base, value };
    return this.refuse(place, `a value of type ${typeof value} has no meaning here`);
  }

  private refuse(place: Place, message: string): ConfigNode {
    if (this.seen <= limits.nodes + 1) this.problems.push({ place, message });
    return { kind: "scalar", value: null, place, source: this.source };
  }
}
