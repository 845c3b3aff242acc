import { presetFolder } from "../../pipeline/preset-folder.ts";
import { readSpec } from "../../runs/spec.ts";
import { parse, runFileFlags, storeFlags } from "../command.ts";
import { concludeRun } from "../conclude.ts";
import { ensureMiniFluxShown } from "../data-mini-flux.ts";
import { tellDemo, tellWhatNext } from "../demo-closing.ts";
import { runFile, runsRoot } from "../places.ts";
import { superviseAndTell } from "../supervised.ts";

export const usage = {
  synopsis: "demo [--set KEY=VALUE …]",
  about:
    "A small CLIP model learns real drawings in four tasks; what it knew before is measured after each. The run file is presets/demo.yaml.",
  flags: { set: runFileFlags.set, ...storeFlags, run: { type: "string", help: "id of the new run; default: date, time and name" } },
} as const;

/** `evergreen demo`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return 0;
  const { flags } = parsed;
  const json = flags.json === true;
  const quiet = flags.quiet === true;
  const set = [...(flags.set ?? []), ...(flags.project === undefined ? [] : [`project=${JSON.stringify(flags.project)}`])];
  const request = { files: [runFile("preset:demo")], set, env: process.env, cwd: process.cwd(), presets: presetFolder };
  // Problems of a --set are told before anything is fetched.
  readSpec(request);
  await ensureMiniFluxShown(json || quiet);
  return superviseAndTell(
    {
      kind: "train",
      request: { ...request, env: { ...process.env } },
      root: runsRoot(flags.runs),
      ...(flags.run === undefined ? {} : { id: flags.run }),
    },
    {
      json,
      quiet,
      finished: async (folder) => {
        if (!json && !quiet) tellDemo(folder);
        await concludeRun(folder, json ? "nothing" : quiet ? "all" : "places");
        if (!json && !quiet) tellWhatNext(folder);
      },
    },
  );
}
