// An ordering: the concepts of a stream in the order a learner meets them.
//
//   stream: {from: ./photos, tasks: 5, order: largest-first}

import { z } from "evergreen/parts";

export default {
  summary: "Concepts with many training images before those with few, as data arrives where frequent things are met first.",
  source: "head to tail of a long-tailed set, as arXiv:1904.05160 names them",
  // Every ordering takes reverse and prefix beside its own options: reverse gives the tail first.
  options: z.strictObject({}),
  // Pure, and stable: it is handed the canonical order, which decides where two have as many.
  order: (concepts) => [...concepts].sort((a, b) => b.samples.length - a.samples.length),
};
