import { z } from "zod";
import { byText } from "../canonical.ts";
import { scoresOf } from "../scores.ts";
import type { StreamOrdering } from "../stream.ts";

const options = z.strictObject({});

export default {
  summary: "Rare to frequent: by how often a concept's name occurs in a corpus. Sets that share a name stand beside each other.",
  source: "arXiv:2408.14471, §3.3, concept frequency",
  options,
  order: (concepts) => {
    const counts = scoresOf(concepts, "frequency");
    return concepts
      .map((concept, i) => ({ concept, count: counts[i] as number, i }))
      .sort((a, b) => a.count - b.count || byText(a.concept.name, b.concept.name) || a.i - b.i)
      .map(({ concept }) => concept);
  },
} satisfies StreamOrdering<typeof options>;
