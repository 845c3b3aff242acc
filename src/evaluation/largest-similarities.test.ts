import { expect, test } from "vitest";
import type { DataSource, SampleRecord } from "../data/source.ts";
import { memory } from "../engine/memory.ts";
import { scope } from "../engine/scope.ts";
import { tensor } from "../engine/tensor.ts";
import { type Embedder, type Evaluation, type EvaluatorDefinition, evaluators } from "./evaluator.ts";
import { largestSimilarities } from "./largest-similarities.ts";

/** A model of the plane that gives each picture and text the direction of its angle, in degrees. */
function model(scale: number, angles: Readonly<Record<string, number>>): Embedder {
  const at = (names: readonly string[]) =>
    tensor(
      names.flatMap((name) => [
        Math.cos(((angles[name] ?? Number.NaN) * Math.PI) / 180),
        Math.sin(((angles[name] ?? Number.NaN) * Math.PI) / 180),
      ]),
      [names.length, 2],
      "float32",
    );
  return { scale, images: (records) => at(records.map(({ id }) => id)), texts: at };
}

const pictures = ["first", "second"];
const source = (task: DataSource["task"]): DataSource => {
  const records = pictures.map(
    (id, i): SampleRecord => ({
      id,
      className: ["a", "b"][i] ?? "",
      captions: [["a", "b"][i] ?? ""],
      split: "test",
      image: { kind: "file", path: id },
    }),
  );
  const about = { name: "toy", task, role: "eval", fingerprint: "f", templates: [], licences: [] } as const;
  return { ...about, classNames: ["a", "b"], records: () => records, concepts: () => [] };
};
const value = ({ measurements }: Evaluation, name: string): number =>
  measurements.find(({ metric }) => metric === name)?.value ?? Number.NaN;
const [zeroShot, retrieval] = await Promise.all([evaluators.load("zero-shot"), evaluators.load("retrieval")]);
const evaluate = (part: EvaluatorDefinition, models: Embedder, task: DataSource["task"]) =>
  part.evaluate(models, source(task), part.options.parse({}));

// Cosines of the first picture: 1/2 and 0 here, 0 and 1 there; of the second 0 and 1/2 here, 1 and 0 there.
const sure = model(10, { first: 0, second: 150, a: 60, b: 90 });
const unsure = model(4, { first: 0, second: 90, a: 90, b: 0 });

test("an entry is the largest logit over the models, each by its own scale, in units of the first one's", () => {
  const before = memory().tensors;
  const found = scope(() => {
    const sides = (of: Embedder) => ({ images: of.images(source("classification").records("test")), texts: of.texts(["a", "b"]) });
    const rows = largestSimilarities({ ...sure, rivals: [unsure] }, sides);
    expect([...rows(1, 2)]).toEqual([...rows(0, 2)].slice(2));
    return [...rows(0, 2)].map((entry) => 10 * entry);
  });
  // max(10·1/2, 4·0), max(10·0, 4·1), max(10·0, 4·1), max(10·1/2, 4·0)
  for (const [i, logit] of [5, 4, 4, 5].entries()) expect(found[i]).toBeCloseTo(logit, 5);
  expect(memory().tensors).toBe(before);
});

test("zero-shot takes the class of the largest logit, and is as sure of it as the softmax of the largest logits", () => {
  const both = evaluate(zeroShot, { ...sure, rivals: [unsure] }, "classification");
  expect([sure, unsure].map((each) => value(evaluate(zeroShot, each, "classification"), "acc1"))).toEqual([1, 0]);
  expect(value(both, "acc1")).toBe(1);
  // Right with confidence 1/(1 + e^−1) in both cases.
  expect(value(both, "ece")).toBeCloseTo(1 - 1 / (1 + Math.exp(-1)), 6);
  // Of equal scales it is the largest cosine: the other model is as sure as can be, and wrong.
  const equal = evaluate(zeroShot, { ...sure, rivals: [{ ...unsure, scale: 10 }] }, "classification");
  expect(value(equal, "acc1")).toBe(0);
  expect(value(equal, "ece")).toBeCloseTo(1 / (1 + Math.exp(-5)), 6);
});

test("the order of the models changes nothing", () => {
  for (const [part, task] of [
    [zeroShot, "classification"],
    [retrieval, "retrieval"],
  ] as const) {
    const [one, other] = [evaluate(part, { ...sure, rivals: [unsure] }, task), evaluate(part, { ...unsure, rivals: [sure] }, task)];
    expect(one.outcomes).toEqual(other.outcomes);
    for (const { metric, value: found } of one.measurements) expect(found, metric).toBeCloseTo(value(other, metric), 6);
  }
});

test("retrieval ranks by the largest logit, not by the largest cosine", () => {
  const recall = (models: Embedder): readonly number[] =>
    ["text", "image"].map((side) => value(evaluate(retrieval, models, "retrieval"), `${side}_retrieval_recall@1`));
  expect(recall(unsure)).toEqual([0, 0]);
  expect(recall({ ...sure, rivals: [unsure] })).toEqual([1, 1]);
  expect(recall({ ...sure, rivals: [{ ...unsure, scale: 10 }] })).toEqual([0, 0]);
});
