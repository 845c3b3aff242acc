import { garbageOf } from "../../runs/garbage.ts";
import { ObjectStore } from "../../runs/objects.ts";
import { exitCodes, UsageError } from "../../util/errors.ts";
import { formatBytes, parseDuration } from "../../util/units.ts";
import { parse, storeFlags } from "../command.ts";
import { aside, fromHere, sayJson } from "../output.ts";
import { openStore } from "../places.ts";

export const usage = {
  synopsis: "gc [--dry-run]",
  about:
    "Removes tasks that runs learned and shared (train --share, sweep) and that no run refers to any more, and what a death left half written. Runs themselves are never touched.",
  flags: {
    runs: storeFlags.runs,
    "dry-run": { type: "boolean", short: "n", help: "say what would go, and remove nothing" },
    finished: { type: "boolean", help: "also what finished runs alone refer to: their checkpoints are their own" },
    "older-than": { type: "string", value: "TIME", help: "leave what was made or taken later than that; default 1h" },
  },
} as const;

/** `evergreen gc`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags } = parsed;
  const youngerThanMs = parseDuration(flags["older-than"] ?? "1h");
  if (youngerThanMs === undefined) throw new UsageError(`--older-than ${flags["older-than"]}: expected a time`, "as --older-than 2h");
  const store = openStore(flags.runs);
  const objects = new ObjectStore(store.root);
  const found = garbageOf(store, objects, { finished: flags.finished === true, youngerThanMs, now: Date.now() });
  const isDry = flags["dry-run"] === true;
  if (!isDry) for (const name of [...found.objects.map(({ key }) => key), ...found.leftovers]) objects.remove(name);
  const removed = { objects: found.objects.length, bytes: bytesOf(found.objects), leftovers: found.leftovers.length };
  const kept = { objects: found.kept.length, bytes: bytesOf(found.kept) };
  if (flags.json) sayJson({ dryRun: isDry, removed, kept, unreadable: found.unreadable, keys: found.objects.map(({ key }) => key) });
  if (flags.quiet || flags.json) return exitCodes.done;
  for (const folder of found.unreadable) aside(`not readable: ${fromHere(folder)}: it may refer to anything, so nothing is removed`);
  aside(
    `${isDry ? "would remove" : "removed"} ${counted(removed.objects, "shared task")}, ${formatBytes(removed.bytes)}${removed.leftovers > 0 ? `, and ${counted(removed.leftovers, "leftover")}` : ""}; ${counted(kept.objects, "shared task")} stay, ${formatBytes(kept.bytes)}`,
  );
  return exitCodes.done;
}

const bytesOf = (objects: readonly { readonly bytes: number }[]): number => objects.reduce((sum, { bytes }) => sum + bytes, 0);
const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
