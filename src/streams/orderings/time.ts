import { z } from "zod";
import type { Concept } from "../../data/source.ts";
import { byText } from "../canonical.ts";
import { publishedSet } from "../published-sets.ts";
import { permuted, scoresOf, sortedBy } from "../scores.ts";
import { groupBy, type StreamOrdering } from "../stream.ts";

const options = z.strictObject({
  blocks: z.enum(["year", "dataset"]).default("year").describe("shuffle inside a year, or keep the data sets of a year apart"),
});

export default {
  summary: "Oldest year first; inside a year shuffled, or data set by data set.",
  source: "arXiv:2408.14471, §3.3, time; blocks of data sets as in the published time_incremental_dschunked files",
  options,
  order: (concepts, { blocks }, { random }) => {
    const dated = sortedBy(concepts, scoresOf(concepts, "year"));
    const groups =
      blocks === "year"
        ? [...groupBy(dated, yearOf).values()]
        : [...groupBy(dated, yearOf).values()].flatMap((year) => [...groupBy(inBlockOrder(year), ({ dataset }) => dataset).values()]);
    return groups.flatMap((group, index) => permuted(group, random.at("stream/time", { index }).permutation(group.length)));
  },
} satisfies StreamOrdering<typeof options>;

const yearOf = ({ stats }: Concept): string => String(stats.year);

/** Published sets as the published files have them, others by their names in lower case. */
function inBlockOrder(year: readonly Concept[]): readonly Concept[] {
  const block = ({ dataset }: Concept): number => publishedSet(dataset)?.block ?? Number.MAX_SAFE_INTEGER;
  return [...year].sort(
    (a, b) => block(a) - block(b) || byText(a.dataset.toLowerCase(), b.dataset.toLowerCase()) || byText(a.dataset, b.dataset),
  );
}
