// A buffer policy: which past samples may be replayed. It holds ids, never pixels.
//
//   data: {buffer: {name: ring-per-concept, each: 20}}

import { z } from "evergreen/parts";

export default {
  summary: "The newest samples of every concept, equally many of each at most: no concept is pushed out by another.",
  source: "the ring buffer of arXiv:1902.10486, a ring for each concept",
  options: z.strictObject({ each: z.int().min(1).default(20).describe("samples of a concept that are kept, at most") }),
  // What is held must not depend on how arrivals were cut into calls: a run recomputes it when it goes on.
  admit(held, fresh, { options: { each }, about }) {
    const left = new Map();
    const newestFirst = [...held, ...fresh].reverse().filter((id) => {
      const concept = about.conceptOf(id);
      const kept = (left.get(concept) ?? 0) + 1;
      left.set(concept, kept);
      return kept <= each;
    });
    return newestFirst.reverse();
  },
};
