import { UsageError } from "../../util/errors.ts";
import { parse, shareFlag, storeFlags } from "../command.ts";
import { concludeRun } from "../conclude.ts";
import { openStore, runsRoot } from "../places.ts";
import { superviseAndTell } from "../supervised.ts";

const aspects = ["config", "data", "model", "tasks", "code", "engine"];
export const usage = {
  synopsis: "resume RUN [--allow NAME …]",
  about: "Goes on with a run from its newest good checkpoint. RUN is an id, the end of one, latest, or a folder.",
  flags: {
    ...storeFlags,
    ...shareFlag,
    allow: {
      type: "string",
      value: "NAME",
      multiple: true,
      help: `a difference to live with: ${aspects.join(", ")}; recorded as not bit-exact`,
    },
  },
  arguments: [1, 1],
  takesRun: true,
} as const;

/** `evergreen resume`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return 0;
  const { flags, rest } = parsed;
  const unknown = flags.allow?.find((name) => !aspects.includes(name));
  if (unknown) throw new UsageError(`--allow ${unknown}: expected one of ${aspects.join(", ")}`);
  const reader = openStore(flags.runs).find(rest[0] ?? "", flags.project);
  if (reader.record().state === "done") {
    process.stderr.write(`${reader.record().id} is finished; nothing to do\n`);
    return 0;
  }
  return superviseAndTell(
    { kind: "resume", folder: reader.folder, root: runsRoot(flags.runs), allow: flags.allow ?? [], share: flags.share === true },
    { json: flags.json === true, quiet: flags.quiet === true, finished: (folder) => concludeRun(folder, flags.json ? "nothing" : "all") },
  );
}
