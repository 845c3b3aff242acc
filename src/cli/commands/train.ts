import { presetFolder } from "../../pipeline/preset-folder.ts";
import { readSpec } from "../../runs/spec.ts";
import { parse, runFileFlags, shareFlag, storeFlags } from "../command.ts";
import { concludeRun } from "../conclude.ts";
import { oracleFlag, withOracle } from "../oracle-flag.ts";
import { runFiles, runsRoot } from "../places.ts";
import { superviseAndTell } from "../supervised.ts";

export const usage = {
  synopsis: "train -C FILE [--run ID] [--set KEY=VALUE …]",
  about: "Trains as the run file says, evaluates before the first task and after each, saves as it goes. Without -C: ./evergreen.yaml.",
  flags: {
    ...runFileFlags,
    ...oracleFlag,
    ...storeFlags,
    ...shareFlag,
    run: { type: "string", value: "ID", help: "id of the new run; default: date, time and name" },
  },
} as const;

/** `evergreen train`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return 0;
  const { flags } = parsed;
  const files = runFiles(flags.config);
  const set = [...(flags.set ?? []), ...(flags.project === undefined ? [] : [`project=${JSON.stringify(flags.project)}`])];
  const request = await withOracle({ files: files, set, env: process.env, cwd: process.cwd(), presets: presetFolder }, flags);
  // Problems of the file are told before a process is started for it.
  readSpec(request);
  return superviseAndTell(
    {
      kind: "train",
      request: { ...request, env: { ...process.env } },
      root: runsRoot(flags.runs),
      share: flags.share === true,
      ...(flags.run === undefined ? {} : { id: flags.run }),
    },
    { json: flags.json === true, quiet: flags.quiet === true, finished: (folder) => concludeRun(folder, flags.json ? "nothing" : "all") },
  );
}
