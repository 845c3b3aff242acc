import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compose } from "../../src/continual/compose.ts";
import type { Method, Scoring } from "../../src/continual/method.ts";
import type { Concept, DataSource, SampleRecord } from "../../src/data/source.ts";
import { memory } from "../../src/engine/memory.ts";
import { meterAsync } from "../../src/engine/meter.ts";
import { release } from "../../src/engine/scope.ts";
import { createEmbedder, type EmbedderOptions } from "../../src/evaluation/embedder.ts";
import zeroShot from "../../src/evaluation/evaluators/zero-shot.ts";
import { computeWeights } from "../../src/models/clip.ts";
import { heldOutScorer, holdBack, type Scored, scoringWork } from "../../src/pipeline/held-out.ts";
import { embeddingCost, forwardCost } from "../../src/pipeline/plan-forward.ts";
import { createRandom } from "../../src/util/random.ts";
import { openWorld, preprocess, tokenize, type World } from "../fixtures/training/stage.ts";
import { tinyConfig, tinyModel } from "../fixtures/training/tiny.ts";

// Scores on samples that a run holds back of training: which samples they are over, and what they cost.

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const classes = ["ant", "bee", "cat"];

/** A set of three classes with eight samples each, over the world's twelve pictures; its test split must not be asked for. */
function source(name: string, role: DataSource["role"]): DataSource {
  const train = Array.from({ length: 24 }, (_, i): SampleRecord => {
    const image = { kind: "raw", path: join(world.folder, "pictures.raw"), offset: (i % 12) * 768, width: 16, height: 16 } as const;
    return { id: `${name}/${String(i).padStart(2, "0")}`, className: classes[i % 3] as string, captions: [`${i}`], split: "train", image };
  });
  const concepts = classes.map((className): Concept => {
    const samples = train.filter((record) => record.className === className).map(({ id }) => id);
    return { id: `${name}/${className}`, dataset: name, name: className, samples, stats: {} };
  });
  return {
    ...{ name, task: "classification", role, fingerprint: name, classNames: classes, templates: ["picture {}"], licences: [] },
    records: (split) => {
      if (split === "test") throw new Error("the test split was opened");
      return train;
    },
    concepts: () => concepts,
  };
}

const asking = (scoring: Scoring) => compose([{ name: "asks", method: { scoring } as Method }]);
const all: Scoring = { of: ["task", "earlier", "retention"], calls: 3, perSet: 100 };

/** A stream of ants and bees, then cats, beside a set that is only evaluated. */
function scored(scoring: Scoring): Scored & { readonly trained: DataSource } {
  const random = createRandom(4);
  const opened = { streamed: [source("s", "adapt")], pretraining: [], evaluated: [source("s", "adapt"), source("r", "eval")] };
  const { data, heldOut } = holdBack(opened, asking(scoring), random);
  const [trained] = data.streamed;
  if (!trained) throw new Error("nothing is streamed");
  const [ant, bee, cat] = trained.concepts() as [Concept, Concept, Concept];
  return { heldOut, stream: { tasks: [{ concepts: [ant, bee] }, { concepts: [cat] }] }, scoring, random, trained };
}

const embedding = (): Omit<EmbedderOptions, "model" | "transform"> => ({ preprocess, images: world.loader, tokenize, batchSize: 4 });

/** Share of some of a set's training samples that zero-shot classification gets right. */
function accuracyOn(records: readonly SampleRecord[]): number {
  const model = tinyModel();
  const embedder = createEmbedder({ ...embedding(), model: computeWeights(model, "fp32"), transform: "test" });
  const { measurements } = zeroShot.evaluate(embedder, { ...source("s", "adapt"), records: () => records }, { templates: "single" });
  embedder.close();
  release(model);
  return measurements.find(({ metric }) => metric === "acc1")?.value ?? Number.NaN;
}

/** Scores of the tiny model for a task, and the images that were embedded for them. */
async function scoreOf(of: Scored, task: number) {
  const model = tinyModel();
  let images = 0;
  const counted: EmbedderOptions["images"] = {
    start: (plan) => world.loader.start(plan),
    take: (step) => {
      const batch = world.loader.take(step);
      images += batch?.rows.length ?? 0;
      return batch;
    },
  };
  const score = heldOutScorer(of, { ...embedding(), images: counted });
  const { result, flops } = await meterAsync(() => score(computeWeights(model, "fp32"), task));
  release(model);
  return { scores: result, images, flops };
}

test("a fifth of each class is trained on no more, and nothing else is changed", () => {
  const { heldOut, trained } = scored(all);
  const held = heldOut.streamed[0]?.source.records("test") ?? [];
  const kept = trained.records("train");
  expect(held.map(({ className }) => className).sort()).toEqual(classes);
  expect([...held, ...kept].map(({ id }) => id).sort()).toEqual(
    source("s", "adapt")
      .records("train")
      .map(({ id }) => id),
  );
  expect(trained.concepts().flatMap(({ samples }) => samples)).toHaveLength(21);
  expect(heldOut.retention.map(({ source: { name } }) => name)).toEqual(["r"]);
  // Another purpose than that of validation, which replaces the test split.
  expect(heldOut.streamed[0]?.source.fingerprint).not.toBe(source("s", "adapt").fingerprint);
});

test("a task's own held-back samples, those of earlier tasks and those of evaluated sets are scored apart", async () => {
  const before = memory().tensors;
  const of = scored(all);
  const held = of.heldOut.streamed[0]?.source.records("test") ?? [];
  const retained = of.heldOut.retention[0]?.source.records("test") ?? [];
  const inTask = (wanted: (className: string) => boolean) => held.filter(({ className = "" }) => wanted(className));
  const first = await scoreOf(of, 0);
  expect(first.scores).toEqual({ task: accuracyOn(inTask((name) => name !== "cat")), retention: accuracyOn(retained) });
  const second = await scoreOf(of, 1);
  expect(second.scores).toEqual({
    task: accuracyOn(inTask((name) => name === "cat")),
    earlier: accuracyOn(inTask((name) => name !== "cat")),
    retention: accuracyOn(retained),
  });
  expect(memory().tensors).toBe(before);
  expect(await scoreOf(of, 1)).toEqual(second);
});

test("a plan counts the images of every score, and no fewer FLOPs than they take", async () => {
  for (const scoring of [all, { ...all, of: ["retention"] }, { ...all, perSet: 1 }] as const) {
    const of = scored(scoring);
    const work = scoringWork(of);
    for (const task of [0, 1]) {
      const { images, flops } = await scoreOf(of, task);
      expect(work[task]?.images).toBe(scoring.calls * images);
      const planned = embeddingCost(work[task] ?? { images: 0, texts: 0 }, forwardCost(tinyConfig, "fp32", "products"));
      expect(planned).toBeGreaterThanOrEqual(scoring.calls * flops);
      expect(planned).toBeLessThan(4 * scoring.calls * flops);
    }
  }
  expect(scoringWork(scored(all)).map(({ images }) => images)).toEqual([3 * 5, 3 * 6]);
  expect(scoringWork(scored({ ...all, perSet: 1 })).map(({ images }) => images)).toEqual([3 * 2, 3 * 3]);
});

test("sets that were not opened are counted by their classes", () => {
  const closed = (name: string, role: DataSource["role"]): DataSource => ({
    ...source(name, role),
    unopened: { train: 24, test: 9, missing: [name], obtain: "download it" },
    ...(role === "eval" ? { concepts: () => [] } : {}),
  });
  const { data, heldOut } = holdBack(
    { streamed: [closed("s", "adapt")], pretraining: [], evaluated: [closed("r", "eval")] },
    asking(all),
    createRandom(4),
  );
  const [ant, bee, cat] = data.streamed.flatMap((set) => set.concepts()) as [Concept, Concept, Concept];
  const of = { heldOut, stream: { tasks: [{ concepts: [ant, bee] }, { concepts: [cat] }] }, scoring: all, random: createRandom(4) };
  // One of each class's eight, two classes in the first task; ⌊24/5⌋ = 4 of a set whose classes nobody knows.
  expect(scoringWork(of).map(({ images }) => images)).toEqual([3 * (2 + 4), 3 * (1 + 2 + 4)]);
});

test("where no evaluated set has training samples, some of the pretraining pool are held back and scored", async () => {
  const data = { streamed: [source("s", "adapt")], pretraining: [source("p", "pool")], evaluated: [source("s", "adapt")] };
  for (const [perSet, count] of [
    [100, 4],
    [3, 3],
  ] as const) {
    const scoring = { ...all, of: ["retention"], perSet } as const;
    const { data: left, heldOut } = holdBack(data, asking(scoring), createRandom(4));
    const held = heldOut.retention.flatMap((set) => set.source.records("test"));
    const kept = left.pretraining.flatMap((set) => set.records("train"));
    expect([held.length, kept.length]).toEqual([count, 24 - count]);
    expect([...held, ...kept].map(({ id }) => id).sort()).toEqual(
      source("p", "pool")
        .records("train")
        .map(({ id }) => id),
    );
    const stream = { tasks: [{ concepts: left.streamed.flatMap((set) => set.concepts()) }] };
    const found = await scoreOf({ heldOut, stream, scoring, random: createRandom(4) }, 0);
    expect([found.scores, found.images]).toEqual([{ retention: accuracyOn(held) }, count]);
  }
  // Nobody asks: the pool stays whole.
  expect(holdBack(data, asking({ ...all, of: ["task"] }), createRandom(4)).data.pretraining).toEqual(data.pretraining);
});

test("a method that asks for retention alone is refused where no evaluated set has training samples", () => {
  const data = { streamed: [source("s", "adapt")], pretraining: [], evaluated: [source("s", "adapt")] };
  expect(() => holdBack(data, asking({ ...all, of: ["retention"] }), createRandom(0))).toThrow(
    expect.objectContaining({ code: "EG-3135", message: expect.stringContaining("asks is decided by scores") as string }),
  );
  expect(holdBack(data, asking(all), createRandom(0)).heldOut.retention).toEqual([]);
});
