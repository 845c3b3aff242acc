import { resolve } from "node:path";
import type { ClipBenchmarkResult } from "../../pipeline/clip-benchmark.ts";
import { exitCodes, UsageError } from "../../util/errors.ts";
import { parse, storeFlags } from "../command.ts";
import { aside, say } from "../output.ts";
import { writeOutput } from "../output-file.ts";
import { openStore } from "../places.ts";
import { writeResults } from "../result-files.ts";

const forms = ["csv", "latex", "clip-benchmark", "peft"] as const;

export const usage = {
  synopsis: "export RUN --as csv|latex|clip-benchmark|peft [--out FILE|FOLDER]",
  about: [
    "Writes what a run's evaluations, or its adapters, gave for other programs. RUN is an id, the end of one, latest, or a folder.",
    "csv: every measurement at full precision. latex: the matrix of sets by tasks, for the package booktabs. clip-benchmark: CLIP_benchmark's result files, one a data set, of the last evaluation; they are put into the folder --out, or printed, one a line.",
    "peft: the adapters of the newest checkpoint as PEFT saves them, for PeftModel.from_pretrained(CLIPModel, --out), the run's first weights as the CLIPModel.",
  ].join("\n"),
  flags: {
    ...storeFlags,
    as: { type: "string", choices: forms, help: "form" },
    out: { type: "string", help: "file, or folder of files, to write; printed when absent" },
    intervals: { type: "boolean", help: "latex: half the width of each 95 % interval beside the number" },
  },
  arguments: [1, 1],
  takesRun: true,
} as const;

/** `evergreen export`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags, rest } = parsed;
  const form = forms.find((each) => each === flags.as);
  if (!form) throw new UsageError("--as: in which form?", `one of ${forms.join(", ")}`);
  if (flags.intervals && form !== "latex")
    throw new UsageError(`--intervals belongs to latex; ${form} has them in any case`, "leave it out");
  const out = flags.out === undefined ? undefined : resolve(flags.out);
  if (form === "peft" && out === undefined) throw new UsageError("--as peft writes a folder", "name one with --out");
  const reader = openStore(flags.runs).find(rest[0] ?? "", flags.project);
  if (form === "peft" && out !== undefined) {
    const { exportAdapters } = await import("../../pipeline/run-adapters.ts");
    const { checkpoint, warnings } = await exportAdapters(reader, out);
    if (!flags.quiet) say(`${out}: adapters of ${checkpoint}`);
    for (const warning of warnings) aside(`warning: ${warning}`);
    return exitCodes.done;
  }
  const { runCsv, runLatex, runResults } = await import("../run-export.ts");
  if (form === "clip-benchmark") tellResults(await runResults(reader), out, flags.quiet === true);
  else tellText(form === "csv" ? runCsv(reader) : runLatex(reader, flags.intervals === true), out, flags.quiet === true);
  return exitCodes.done;
}

function tellResults(results: readonly ClipBenchmarkResult[], out: string | undefined, quiet: boolean): void {
  if (out === undefined) for (const result of results) say(JSON.stringify(result));
  else for (const path of writeResults(out, results)) if (!quiet) say(path);
}

function tellText(text: string, out: string | undefined, quiet: boolean): void {
  if (out !== undefined) writeOutput(out, [`${text}\n`]);
  if (out === undefined || !quiet) say(out ?? text);
}
