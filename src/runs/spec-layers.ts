import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ConfigError, type Problem } from "../util/config-problem.ts";
import { defaultAt, type JsonSchema } from "../util/config-schema.ts";
import {
  type ConfigNode,
  type ConfigSource,
  formatPath,
  type ListNode,
  type MapEntry,
  type MapNode,
  mergeTrees,
  nodeAt,
  scalars,
} from "../util/config-tree.ts";
import { nearest } from "../util/errors.ts";
import { readYaml, readYamlMap } from "../util/yaml-config.ts";
import { type Environment, envNamesIn, splitReference, substituteEnv } from "./spec-references.ts";
import { defaultParts, partPaths } from "./spec-schema.ts";

/** What a run's configuration is made of. */
export interface SpecRequest {
  /** Run files, a later one over an earlier one. */
  readonly files: readonly string[];
  /** `a.b=c`, `a.b+=x`, `a.b=null`, a later one over an earlier one. */
  readonly set?: readonly string[];
  /** For `EVERGREEN_SET` and `${env:NAME}`. */
  readonly env: Environment;
  /** Base of relative paths in `set` and `EVERGREEN_SET`. */
  readonly cwd: string;
  /** Folder of the presets that `extends: [preset:NAME]` finds. */
  readonly presets: string;
}

/** A text as the user gave it, kept beside the run. */
export interface ConfigInput {
  readonly name: string;
  readonly text: string;
}

interface Layers {
  readonly tree: MapNode;
  /** Settings that could not be applied. */
  readonly problems: readonly Problem[];
  readonly inputs: readonly ConfigInput[];
}

const deepest = 16;

/** All layers merged, lowest first: built-in, presets, files, `EVERGREEN_SET`, `--set`. @throws {ConfigError} when a text cannot be read at all. */
export function mergeLayers(request: SpecRequest, schema: JsonSchema): Layers {
  const reader = new LayerReader(request);
  let tree = builtIn();
  for (const file of request.files) {
    const path = resolve(request.cwd, file);
    for (const layer of reader.fileWithPresets(path, file, "file", [])) tree = mergeTrees(tree, layer, partPaths);
  }
  if (reader.problems.length > 0) throw new ConfigError(reader.problems);
  const variable = request.env.EVERGREEN_SET;
  const fromEnv = (variable ?? "").split(/[;\n]/).filter((line) => line.trim() !== "");
  if (fromEnv.length > 0) reader.inputs.push({ name: "environment.txt", text: `${variable}\n` });
  if (request.set && request.set.length > 0) reader.inputs.push({ name: "set.txt", text: `${request.set.join("\n")}\n` });
  const sets = [...fromEnv.map((text) => ["environment", text] as const), ...(request.set ?? []).map((text) => ["set", text] as const)];
  for (const [layer, text] of sets) {
    try {
      tree = applySet(tree, text, { layer, base: request.cwd }, schema);
    } catch (error) {
      reader.note(error);
    }
  }
  // What null cleared stands again as built in.
  return { tree: mergeTrees(builtIn(), tree, partPaths), problems: reader.problems, inputs: reader.inputs };
}

function builtIn(): MapNode {
  const source: ConfigSource = { layer: "built-in", base: "." };
  return readYamlMap(
    JSON.stringify(Object.fromEntries(Object.entries(defaultParts).map(([key, name]) => [key, { name }]))),
    "built-in",
    source,
  );
}

class LayerReader {
  readonly inputs: ConfigInput[] = [];
  readonly problems: Problem[] = [];
  private readonly request: SpecRequest;

  constructor(request: SpecRequest) {
    this.request = request;
  }

  note(error: unknown): void {
    if (!(error instanceof ConfigError)) throw error;
    this.problems.push(...error.problems);
  }

  /** The file's presets, lowest first, then the file itself without its `extends`. */
  fileWithPresets(path: string, label: string, layer: "file" | "preset", above: readonly string[]): readonly MapNode[] {
    const tree = this.read(path, label, layer);
    if (!tree) return [];
    const parents = this.parentsOf(tree).flatMap((parent) => {
      if (above.includes(parent.path) || parent.path === path) return this.refuse(parent.node, `extends: ${parent.label} extends itself`);
      if (above.length >= deepest) return this.refuse(parent.node, `extends: more than ${deepest} levels`);
      return this.fileWithPresets(parent.path, parent.label, "preset", [...above, path]);
    });
    const entries = new Map(tree.entries);
    entries.delete("extends");
    return [...parents, { ...tree, entries }];
  }

  private read(path: string, label: string, layer: "file" | "preset"): MapNode | undefined {
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      this.problems.push({
        place: { file: label },
        message: `cannot be read (${(error as NodeJS.ErrnoException).code})`,
        fix: "check the name of the file",
      });
      return undefined;
    }
    this.inputs.push({ name: `${this.inputs.length}-${label.replace(/^.*[/\\:]/, "")}${/\.ya?ml$/.test(label) ? "" : ".yaml"}`, text });
    try {
      return readYamlMap(text, label, { layer, base: dirname(path) });
    } catch (error) {
      this.note(error);
      return undefined;
    }
  }

  private parentsOf(tree: MapNode): readonly { readonly path: string; readonly label: string; readonly node: ConfigNode }[] {
    const list = tree.entries.get("extends")?.node;
    if (!list) return [];
    if (list.kind !== "list") return this.refuse(list, 'extends: expected a list of "preset:NAME" and files');
    return list.items.flatMap((node): readonly { readonly path: string; readonly label: string; readonly node: ConfigNode }[] => {
      const text = node.kind === "scalar" && typeof node.value === "string" ? substituteEnv(node.value, this.request.env) : "";
      const unset = envNamesIn(text)[0];
      if (unset) return this.refuse(node, `extends: the environment variable ${unset} is not set`);
      const { scheme, rest } = splitReference(text);
      if (scheme !== "preset:")
        return text ? [{ path: resolve(tree.source.base, text), label: text, node }] : this.refuse(node, "extends: expected a text");
      const path = join(this.request.presets, `${rest}.yaml`);
      return /^[\w.-]+$/.test(rest) && existsSync(path) ? [{ path, label: text, node }] : this.unknownPreset(node, rest);
    });
  }

  private unknownPreset(node: ConfigNode, name: string): readonly never[] {
    const known = existsSync(this.request.presets)
      ? readdirSync(this.request.presets).flatMap((file) => (file.endsWith(".yaml") ? [file.slice(0, -5)] : []))
      : [];
    const near = nearest(name, known);
    const fix = near ? { fix: `did you mean "preset:${near}"?` } : {};
    this.problems.push({ place: node.place, message: `extends: no preset "${name}"; known: ${known.sort().join(", ") || "none"}`, ...fix });
    return [];
  }

  private refuse(node: ConfigNode, message: string): readonly never[] {
    this.problems.push({ place: node.place, message });
    return [];
  }
}

function applySet(tree: MapNode, text: string, source: ConfigSource, schema: JsonSchema): MapNode {
  const file = `${source.layer === "set" ? "--set" : "EVERGREEN_SET"} ${text.trim()}`;
  const match = /^\s*([A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)\s*(\+?=)(.*)$/s.exec(text);
  if (!match) throw new ConfigError([{ place: { file }, message: "expected a.b=value, a.b+=item or a.b=null" }]);
  const path = (match[1] ?? "").split(".");
  const place = { file };
  const value = withPlace(readYaml(match[3] ?? "", file, source), place);
  const node = match[2] === "+=" ? appended(nodeAt(tree, path), value, defaultAt(schema, path)) : value;
  return mergeTrees(tree, wrap(path, node), partPaths);
}

function appended(list: ConfigNode | undefined, item: ConfigNode, builtInItems: unknown): ListNode {
  const { place, source } = item;
  if (list && list.kind !== "list") throw new ConfigError([{ place, message: "+= appends to a list; this key holds none" }]);
  const items =
    list?.items ?? (Array.isArray(builtInItems) ? builtInItems : []).map((value): ConfigNode => ({ kind: "scalar", value, place, source }));
  return { kind: "list", items: [...items, item], place, source };
}

function wrap(path: readonly string[], node: ConfigNode): MapNode {
  const [key, ...rest] = path as readonly [string, ...string[]];
  const inner = rest.length > 0 ? wrap(rest, node) : node;
  return { kind: "map", entries: new Map([[key, { keyPlace: node.place, node: inner }]]), place: node.place, source: node.source };
}

function withPlace(node: ConfigNode, place: { readonly file: string }): ConfigNode {
  if (node.kind === "scalar") return { ...node, place };
  if (node.kind === "list") return { ...node, place, items: node.items.map((item) => withPlace(item, place)) };
  const entries = [...node.entries].map(([key, entry]): [string, MapEntry] => [
    key,
    { keyPlace: place, node: withPlace(entry.node, place) },
  ]);
  return { ...node, place, entries: new Map(entries) };
}

const secretWords =
  /(^|_)(token|tokens|secret|secrets|password|passwd|passphrase|api_?key|access_?key|private_?key|credentials?|webhook)(_|$)/i;

/** Keys that look like secrets, wherever they stand: a configuration is saved, copied and shown. */
export function secretProblems(root: MapNode): readonly Problem[] {
  const problems: Problem[] = [];
  const visit = (node: ConfigNode, path: readonly (string | number)[]): void => {
    if (node.kind === "list") for (const [i, item] of node.items.entries()) visit(item, [...path, i]);
    if (node.kind !== "map") return;
    for (const [key, entry] of node.entries) {
      if (secretWords.test(key.replace(/([a-z])([A-Z])/g, "$1_$2")))
        problems.push({
          place: entry.keyPlace,
          path: formatPath([...path, key]),
          message: "looks like a secret, which a run file never holds",
          fix: "set it in the environment",
        });
      else visit(entry.node, [...path, key]);
    }
  };
  visit(root, []);
  return problems;
}

/** References to variables that are not set. */
export function unsetVariables(root: MapNode, env: Environment): readonly Problem[] {
  return [...scalars(root)].flatMap(([path, node]) =>
    (typeof node.value === "string" ? envNamesIn(node.value) : [])
      .filter((name) => env[name] === undefined)
      .map((name) => ({ place: node.place, path: formatPath(path), message: `the environment variable ${name} is not set` })),
  );
}
