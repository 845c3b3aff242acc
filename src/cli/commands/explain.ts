import { presetFolder } from "../../pipeline/preset-folder.ts";
import { type ExplainedValue, explain, readSpec } from "../../runs/spec.ts";
import { exitCodes, formatPlace } from "../../util/errors.ts";
import { parse, runFileFlags } from "../command.ts";
import { sayJson, sayTable } from "../output.ts";
import { runFiles } from "../places.ts";

export const usage = {
  synopsis: "explain -C FILE [--set KEY=VALUE …]",
  about:
    "Every value of a run file with where it came from: the file and line, a preset, EVERGREEN_SET, --set, or built in. Without -C: ./evergreen.yaml.",
  flags: runFileFlags,
} as const;

/** `evergreen explain`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags } = parsed;
  const files = runFiles(flags.config);
  const request = { files: files, env: process.env, cwd: process.cwd(), presets: presetFolder };
  const values = explain(readSpec({ ...request, ...(flags.set ? { set: flags.set } : {}) }));
  if (flags.json) sayJson(values.map((value) => ({ ...value, origin: originOf(value) })));
  else
    sayTable({
      columns: [{ title: "key" }, { title: "value" }, { title: "from" }],
      rows: values.map((value) => [value.path, shown(value.value), originOf(value)]),
    });
  return exitCodes.done;
}

/** `run.yaml:4:9`, `--set`, `EVERGREEN_SET`, `built in`. */
function originOf({ layer, place }: ExplainedValue): string {
  if (layer === "set") return "--set";
  if (layer === "environment") return "EVERGREEN_SET";
  return place ? formatPlace(place) : "built in";
}

const shown = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
