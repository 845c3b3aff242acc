import { z } from "zod";
import type { Concept } from "../../data/source.ts";
import { groupBy } from "../../util/group-by.ts";
import { byText } from "../canonical.ts";
import { publishedSet } from "../published-sets.ts";
import { permuted, scoresOf, sortedBy } from "../scores.ts";
import type { StreamOrdering } from "../stream.ts";

const options = z.strictObject({
  blocks: z.enum(["year", "dataset"]).default("year").describe("shuffle inside a year, or keep the data sets of a year apart"),
  undated: z
    .enum(["refuse", "first", "last"])
    .default("refuse")
    .describe("where concepts without a year come, as if they were of one year; refused unless it is said"),
});

export default {
  summary: "Oldest year first; inside a year shuffled, or data set by data set.",
  source: "arXiv:2408.14471, §3.3, time; blocks of data sets as in the published time_incremental_dschunked files",
  options,
  order: (concepts, { blocks, undated }, { random }) => {
    const [known, unknown] = undated === "refuse" ? [concepts, []] : [concepts.filter(isDated), concepts.filter((each) => !isDated(each))];
    const years = [...groupBy(sortedBy(known, scoresOf(known, "year")), yearOf).values()];
    const blocksOf = (year: readonly Concept[]): readonly (readonly Concept[])[] =>
      blocks === "year" ? [year] : [...groupBy(inBlockOrder(year), ({ dataset }) => dataset).values()];
    // Numbered behind the dated ones, so that these are shuffled alike wherever the others come.
    const shuffled = [...years, unknown]
      .flatMap(blocksOf)
      .map((group, index) => permuted(group, random.at("stream/time", { index }).permutation(group.length)));
    const ordered = shuffled.flat();
    return undated === "first" ? [...ordered.slice(known.length), ...ordered.slice(0, known.length)] : ordered;
  },
} satisfies StreamOrdering<typeof options>;

const isDated = ({ stats }: Concept): boolean => Number.isFinite(stats.year);
const yearOf = ({ stats }: Concept): string => String(stats.year);

/** Published sets as the published files have them, others by their names in lower case. */
function inBlockOrder(year: readonly Concept[]): readonly Concept[] {
  const block = ({ dataset }: Concept): number => publishedSet(dataset)?.block ?? Number.MAX_SAFE_INTEGER;
  return [...year].sort(
    (a, b) => block(a) - block(b) || byText(a.dataset.toLowerCase(), b.dataset.toLowerCase()) || byText(a.dataset, b.dataset),
  );
}
