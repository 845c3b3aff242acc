import { presetFolder } from "../../pipeline/preset-folder.ts";
import { type ExplainedValue, explain, readSpec, type SpecRequest } from "../../runs/spec.ts";
import { exitCodes, formatPlace, UsageError } from "../../util/errors.ts";
import { parse, runFileFlags } from "../command.ts";
import { sayJson, sayTable } from "../output.ts";
import { runFiles } from "../places.ts";
import { pluginFlag, usePluginFlag } from "../plugin-flag.ts";

/** Named here too, so that help opens no catalogue. */
const kinds = [
  "method",
  "operator",
  "modifier",
  "ordering",
  "buffer",
  "schedule",
  "optimizer",
  "objective",
  "source",
  "augment",
  "evaluator",
];

export const usage = {
  synopsis: "explain -C FILE [--set KEY=VALUE …] | explain KIND NAME [--plugins FOLDER]",
  about: [
    "Every value of a run file with where it came from: the file and line, a preset, EVERGREEN_SET, --set, or built in. Without -C: ./evergreen.yaml.",
    `With KIND and NAME, what a part is and takes, as explain method lora; your own parts among them, from FOLDER or those of -C FILE. Kinds: ${kinds.join(", ")}.`,
  ].join("\n"),
  flags: { ...runFileFlags, ...pluginFlag },
  arguments: [0, 2],
  words: kinds,
} as const;

/** `evergreen explain`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags, rest } = parsed;
  if (rest.length > 0) {
    const [kind = "", name] = rest;
    if (name === undefined) throw new UsageError(`explain ${kind}: which one?`, `as evergreen explain ${kind} NAME`);
    const ofFile = flags.config ? (readSpec(requestOf(flags)).spec.plugins ?? []) : [];
    await usePluginFlag({ plugins: [...ofFile, ...(flags.plugins ?? [])] });
    const { explainPart } = await import("../explain-part.ts");
    await explainPart(kind, name, flags.json === true);
    return exitCodes.done;
  }
  const values = explain(readSpec(requestOf(flags)));
  if (flags.json) sayJson(values.map((value) => ({ ...value, origin: originOf(value) })));
  else
    sayTable({
      columns: [{ title: "key" }, { title: "value" }, { title: "from" }],
      rows: values.map((value) => [value.path, shown(value.value), originOf(value)]),
    });
  return exitCodes.done;
}

function requestOf({ config, set }: { readonly config?: readonly string[]; readonly set?: readonly string[] }): SpecRequest {
  return { files: runFiles(config), env: process.env, cwd: process.cwd(), presets: presetFolder, ...(set ? { set } : {}) };
}

/** `run.yaml:4:9`, `--set`, `EVERGREEN_SET`, `built in`. */
function originOf({ layer, place }: ExplainedValue): string {
  if (layer === "set") return "--set";
  if (layer === "environment") return "EVERGREEN_SET";
  return place ? formatPlace(place) : "built in";
}

const shown = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
