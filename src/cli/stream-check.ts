import { dirname, resolve } from "node:path";
import { openStreamSource, type StreamSource } from "../pipeline/stream-source.ts";
import { changedTests, heldOutSets } from "../pipeline/stream-tests.ts";
import { type Outline, outlineOf } from "../streams/outline.ts";
import { entryHashes, parseStreamFile } from "../streams/published-file.ts";
import { publishedSets } from "../streams/published-sets.ts";
import { testSplits } from "../streams/test-splits.ts";
import { exitCodes } from "../util/errors.ts";
import { parse } from "./command.ts";
import { aside, counted, say, sayJson } from "./output.ts";
import { readStreamText } from "./stream-show.ts";

export const usage = {
  synopsis: "stream check FILE [--json]",
  about: [
    "Holds a built stream against its data: sets that changed, concepts that are missing or have no training samples.",
    "Of a published stream file it checks every entry, gives its hashes, and names data sets that it does not stream in full.",
    "Exit code 0, or 4 when there is a problem.",
  ].join("\n"),
  flags: {},
  arguments: [1, 1],
} as const;

/** `evergreen stream check`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return 0;
  const { flags, rest } = parsed;
  const file = resolve(rest[0] ?? "");
  const text = readStreamText(file);
  const outline = outlineOf(text, file);
  const published = outline.manifest ? undefined : entryHashes(parseStreamFile(text, file));
  const problems = outline.manifest ? await againstData(outline, file) : [];
  const partial = outline.manifest ? [] : notInFull(outline);
  const concepts = outline.tasks.reduce((sum, task) => sum + task.concepts.length, 0);
  if (flags.json) sayJson({ file, concepts, ...(published ?? { digest: outline.manifest?.digest }), partial, problems });
  else {
    say(
      published
        ? `${counted(concepts, "concept")}; order ${published.order}, set ${published.set}`
        : `${counted(concepts, "concept")} in ${counted(outline.tasks.length, "task")}`,
    );
    for (const line of partial) say(line);
    for (const problem of problems) say(problem);
    if (!flags.quiet) aside(problems.length === 0 ? "no problems" : counted(problems.length, "problem"));
  }
  return problems.length > 0 ? exitCodes.data : exitCodes.done;
}

async function againstData({ manifest, tasks }: Outline, file: string): Promise<readonly string[]> {
  const source = await openStreamSource(file, dirname(file));
  const { sets } = source;
  const now = new Map(sets.map((set) => [set.name, set]));
  const concepts = new Map(sets.flatMap((set) => set.concepts().map((concept) => [concept.id, concept.samples.length] as const)));
  const stored = manifest?.sources.flatMap((source) => Object.entries(source.sets)) ?? [];
  return [
    ...stored.flatMap(([name, fingerprint]) => {
      const set = now.get(name);
      if (!set) return [`${name}: is gone, or has no training samples`];
      return set.fingerprint === fingerprint ? [] : [`${name}: changed since the stream was built`];
    }),
    ...(await testsAgainstData(source)),
    ...tasks.flatMap((task) =>
      task.concepts.flatMap(({ id, samples }) => {
        const count = concepts.get(id);
        if (count === undefined) return [`${id}: not in the data`];
        return count === samples ? [] : [`${id}: ${count} training samples, ${samples} when the stream was built`];
      }),
    ),
  ];
}

/** Where the tests of a stream are no longer those it was built with. Concepts that are gone are told elsewhere. */
async function testsAgainstData(source: StreamSource): Promise<readonly string[]> {
  const { manifest, sets, places, folder } = source;
  if (!manifest?.tests) return [];
  const concepts = new Map(sets.flatMap((set) => set.concepts()).map((concept) => [concept.id, concept]));
  const all = manifest.tasks.map((task) => ({ concepts: task.concepts.flatMap(({ id }) => concepts.get(id) ?? []) }));
  return changedTests(testSplits({ tasks: all }, sets, await heldOutSets(places, folder)), source, { tasks: all });
}

/** Published sets of which a file streams some concepts but not as many as the full streams do. */
function notInFull({ tasks }: Outline): readonly string[] {
  const counts = new Map<string, number>();
  for (const { concepts } of tasks) for (const { dataset } of concepts) counts.set(dataset, (counts.get(dataset) ?? 0) + 1);
  return publishedSets.flatMap(({ handle, token, concepts }) => {
    const count = counts.get(handle) ?? 0;
    return count === concepts || count === 0 ? [] : [`${token}: ${count} of ${concepts} concepts`];
  });
}
