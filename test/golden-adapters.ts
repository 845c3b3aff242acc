import { z } from "zod";
import { stepsPerTask } from "../src/budget/steps.ts";
import type { Concept } from "../src/data/source.ts";
import { aggregate, meanPerConcept, tripleOf } from "../src/evaluation/aggregate.ts";
import { standardErrorOfMean, wilson } from "../src/evaluation/intervals.ts";
import { transferOf } from "../src/evaluation/matrix.ts";
import { retrievalMetrics, retrievalRanks } from "../src/evaluation/retrieval-metrics.ts";
import { subsetSize } from "../src/evaluation/subset.ts";
import { type BatchRows, type ShortBufferRule, splitBatch } from "../src/mixtures/mixture.ts";
import { mixturePresets } from "../src/mixtures/presets.ts";
import { architecture } from "../src/models/architecture.ts";
import { parameterCounts } from "../src/models/parameters.ts";
import { tokenCount, tokenize } from "../src/models/tokenizer.ts";
import { againstTradeOff } from "../src/report/plane.ts";
import { cutIntoTasks } from "../src/streams/stream.ts";
import { createRandom, type PhiloxBlock, type PhiloxKey, philox, philoxKey } from "../src/util/random.ts";
import { budgetAdapters } from "./golden-adapters-budget.ts";
import { datasetAdapters } from "./golden-adapters-datasets.ts";
import { scheduleAdapters } from "./golden-adapters-schedules.ts";
import { streamAdapters } from "./golden-adapters-streams.ts";
import { type Adapter, adapter, type Tree } from "./golden-runner.ts";

const count = z.int().min(0);
const list = z.array(z.number());
const table = z.record(z.string(), z.number());
const key = z.strictObject({ seed: count, purpose: z.string() });

// random numbers

const hex = (words: readonly number[]): string => words.map((word) => word.toString(16).padStart(8, "0")).join(" ");
const word = z.string().transform((text) => Number.parseInt(text, 16));
const block = z.tuple([word, word, word, word]);

const knownAnswer = adapter(z.strictObject({ counter: block, key: z.tuple([word, word]) }), (row) =>
  hex(philox(row.counter as PhiloxBlock, row.key as PhiloxKey)),
);
const keys = adapter(z.strictObject({ keys: z.array(key) }), (row) => row.keys.map(({ seed, purpose }) => hex(philoxKey(seed, purpose))));
const permutations = adapter(z.strictObject({ permutations: z.array(key.extend({ task: count, pass: count, size: count })) }), (row) =>
  row.permutations.map(({ seed, purpose, task, pass, size }) => [
    ...createRandom(seed).at(purpose, { task, index: pass }).permutation(size),
  ]),
);

// mixture

const presetName = z.enum(Object.keys(mixturePresets) as [keyof typeof mixturePresets]);
const inOrder = ({ pretraining, update, buffer }: BatchRows): number[] => [pretraining, update, buffer];
const splits = adapter(
  z.strictObject({
    presets: z.array(presetName),
    sizes: z.array(count),
    first: z.strictObject({ presets: z.array(presetName), size: count }),
  }),
  ({ presets, sizes, first }) => {
    const rows = (name: keyof typeof mixturePresets, batchSize: number, short?: ShortBufferRule): BatchRows =>
      splitBatch({
        batchSize,
        shares: mixturePresets[name],
        pools: { pretraining: 1e9, update: 1e9, buffer: short ? 0 : 1e9 },
        rule: short ?? "split",
      });
    const byName = (names: readonly (keyof typeof mixturePresets)[], of: (name: keyof typeof mixturePresets) => Tree): Tree =>
      Object.fromEntries(names.map((name) => [name, of(name)]));
    const empty = (rule: ShortBufferRule): Tree => byName(first.presets, (name) => inOrder(rows(name, first.size, rule)).slice(0, 2));
    return {
      shares: byName(presets, (name) => inOrder(mixturePresets[name])),
      batches: byName(presets, (name) => sizes.map((size) => inOrder(rows(name, size)))),
      emptyBuffer: { split: empty("split"), "oversample-update": empty("oversample-update") },
    };
  },
);

// streams

const numbered = (n: number): Concept[] =>
  Array.from({ length: n }, (_, i) => ({ id: `a/${i}`, dataset: "a", name: `${i}`, samples: [], stats: {} }));
const cuts = adapter(z.strictObject({ cuts: z.array(z.tuple([count, count])) }), (row) =>
  row.cuts.map(([n, tasks]) => {
    const sizes = cutIntoTasks(numbered(n), tasks).tasks.map(({ concepts }) => concepts.length);
    const least = Math.min(...sizes);
    return [least, sizes.filter((size) => size > least).length];
  }),
);

// evaluation; the pages count in points, product code in shares

const names = z.array(z.string());
const triple = adapter(z.strictObject({ scores: table, streamed: names, heldOut: names }), ({ scores, ...sets }) => {
  const { knowledge, zeroShot, geometricMean } = tripleOf(scores, sets);
  return { ka: knowledge.value, zs: zeroShot.value, gm: geometricMean };
});
const means = adapter(z.strictObject({ scores: table, groups: z.record(z.string(), names) }), ({ scores, groups }) =>
  Object.fromEntries(Object.entries(groups).map(([group, sets]) => [group, aggregate(scores, sets).value])),
);
const perConcept = adapter(z.strictObject({ scores: table, streamed: table, heldOut: table }), ({ scores, streamed, heldOut }) => ({
  ka: meanPerConcept(scores, streamed),
  zs: meanPerConcept(scores, heldOut),
}));
const sized = z.array(z.tuple([count, count]));
const subsets = adapter(z.strictObject({ fraction: z.number(), cases: sized, adapt: sized, eval: sized }), (row) => {
  const sizes = (of: z.output<typeof sized>): number[] => of.map(([items, classes]) => subsetSize(items, classes, row.fraction));
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  return { sizes: sizes(row.cases), adapt: sum(sizes(row.adapt)), eval: sum(sizes(row.eval)) };
});
const toyRetrieval = adapter(z.strictObject({ scores: z.array(list), owners: z.array(count) }), ({ scores, owners }) => {
  const ranks = retrievalRanks({ images: scores.length, owners, similarities: (from, to) => scores.slice(from, to).flat() });
  const { recalls, recall, reciprocalRank } = retrievalMetrics(ranks, [1, 2]);
  return {
    imageRecallAt1: recalls["image_retrieval_recall@1"],
    textRecallAt1: recalls["text_retrieval_recall@1"],
    recallAt1: 100 * (recall[1] ?? Number.NaN),
    imageRecallAt2: recalls["image_retrieval_recall@2"],
    textRecallAt2: recalls["text_retrieval_recall@2"],
    recallAt2: 100 * (recall[2] ?? Number.NaN),
    imageMrr: reciprocalRank.image,
    textMrr: reciprocalRank.text,
  };
});
const transfer = adapter(z.strictObject({ after: z.array(list), baseline: list }), ({ after, baseline }) => {
  const { retention: _, ...measures } = transferOf({
    units: baseline.map((__, task) => ({ name: `${task}`, learnedAt: task })),
    before: baseline,
    after,
  });
  return measures;
});
const point = z.tuple([z.number(), z.number()]).transform(([zeroShot, knowledge]) => ({ zeroShot, knowledge }));
const plane = adapter(z.strictObject({ start: point, oracle: point, points: z.array(point) }), ({ start, oracle, points }) => {
  const found = points.map((one) => againstTradeOff(one, { start, oracle }));
  return { distance: found.map((one) => one?.distance), progress: found.map((one) => one?.progress) };
});
const wilsons = adapter(z.strictObject({ cases: sized }), ({ cases }) => cases.map(([hits, trials]) => wilson(hits, trials)));
const scored = z.array(z.tuple([z.number(), count, count]));
const errors = adapter(z.strictObject({ fraction: z.number(), adapt: scored, eval: scored }), (row) => {
  const error = (sets: z.output<typeof scored>, items: (n: number, classes: number) => number): number =>
    100 * (standardErrorOfMean(sets.map(([points, n, classes]) => ({ share: points / 100, samples: items(n, classes) }))) ?? Number.NaN);
  const both = (items: (n: number, classes: number) => number): Tree => ({ ka: error(row.adapt, items), zs: error(row.eval, items) });
  return { full: both((n) => n), subset: both((n, classes) => subsetSize(n, classes, row.fraction)) };
});

// backbones

const parameters = adapter(z.strictObject({ model: z.string() }), ({ model }) => {
  const counts = parameterCounts(architecture(`ViT-${model.replace("/", "-")}`));
  return { ...counts, publishedMillions: counts.total / 1e6 };
});

const tokens = adapter(z.strictObject({ texts: names }), ({ texts }) =>
  texts.map((text) => [...tokenize(text).subarray(0, tokenCount(text))]),
);

/** Product code of the rows that need no engine. */
export const coreAdapters: ReadonlyMap<string, Adapter> = new Map([
  ...["training.g1", "training.g2", "training.g3"].map((id) => [id, knownAnswer] as const),
  ["training.g4", keys],
  ["training.g5", keys],
  [
    "training.g6",
    adapter(z.strictObject({ key, counter: z.tuple([count, count, count, count]) }), (row) =>
      hex(philox(row.counter, philoxKey(row.key.seed, row.key.purpose))),
    ),
  ],
  ["training.g7", permutations],
  ["training.g8", permutations],
  ["training.g9", splits],
  [
    "training.g11",
    adapter(z.strictObject({ samples: count, batchSize: count, tasks: count }), ({ samples, batchSize, tasks }) => {
      const steps = stepsPerTask({ scope: "task", unit: "samples", total: samples }, { batchSize, tasks });
      return { steps, total: steps * batchSize * tasks };
    }),
  ],
  ...scheduleAdapters,
  ["streams.g3", cuts],
  ...streamAdapters,
  ...budgetAdapters,
  ...datasetAdapters,
  ["evaluation.g1", triple],
  ["evaluation.g2", means],
  ["evaluation.g3", perConcept],
  ["evaluation.g4", subsets],
  ["evaluation.g5", toyRetrieval],
  ["evaluation.g6", transfer],
  ["evaluation.g7", plane],
  ["evaluation.g8", plane],
  ["evaluation.g9", plane],
  ["evaluation.g10", wilsons],
  ["evaluation.g11", errors],
  ...["g1", "g2", "g3", "g4", "g5", "g6", "g7"].map((row) => [`backbones.${row}`, parameters] as const),
  ["backbones.g8", tokens],
]);

/** Rows whose product code needs the engine; test/engine/golden-engine.test.ts runs them. */
export const engineRows: ReadonlySet<string> = new Set([
  "training.g10",
  ...[...Array(20).keys()].map((i) => `merging.g${i + 1}`),
  "merging.g22",
  "methods.g1",
  "methods.g2",
  "methods.g3",
  "methods.g4",
]);
