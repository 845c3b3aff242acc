import { describe, expect, test } from "vitest";
import type { DataSource, SampleRecord } from "../../data/source.ts";
import { tensor } from "../../engine/tensor.ts";
import type { Embedder } from "../evaluator.ts";
import linearProbe from "./linear-probe.ts";

/** A sample with the embedding that the model gives it. */
interface Sample {
  readonly className: string;
  readonly at: readonly [number, number];
}
const embeddings = new Map<string, readonly number[]>();

function records(split: "train" | "test", samples: readonly Sample[]): readonly SampleRecord[] {
  return samples.map(({ className, at }) => {
    const id = `toy/${embeddings.size}`;
    const length = Math.hypot(...at);
    embeddings.set(
      id,
      at.map((entry) => entry / length),
    );
    return { id, className, captions: ["x"], split, image: { kind: "file", path: id } };
  });
}

function toy(classNames: readonly string[], train: readonly Sample[], tested: readonly Sample[]): DataSource {
  const bySplit = { train: records("train", train), test: records("test", tested) };
  return {
    ...{ name: "toy", task: "classification", role: "adapt", fingerprint: "f", classNames, templates: [], licences: [] },
    records: (split) => bySplit[split],
    concepts: () => [],
  };
}

const asked: number[] = [];
const model: Embedder = {
  scale: 1,
  images: (of) => {
    asked.push(of.length);
    return tensor(
      of.flatMap(({ id }) => embeddings.get(id) ?? []),
      [of.length, 2],
      "float32",
    );
  },
  texts: () => {
    throw new Error("a probe reads no text");
  },
};
const probe = (source: DataSource, given: Readonly<Record<string, unknown>> = {}) =>
  linearProbe.evaluate(model, source, linearProbe.options.parse(given));
const value = ({ measurements }: ReturnType<typeof probe>, name: string): number | undefined =>
  measurements.find(({ metric }) => metric === name)?.value;

const around = (className: string, degrees: number, spread: readonly number[]): readonly Sample[] =>
  spread.map((off) => ({ className, at: [Math.cos(((degrees + off) * Math.PI) / 180), Math.sin(((degrees + off) * Math.PI) / 180)] }));
const narrow = [-9, -6, -3, 0, 3, 6, 9, 12, 15, 18];
const train = [...around("east", 0, narrow), ...around("north", 90, narrow), ...around("west", 180, narrow)];

describe("linear probe", () => {
  test("two mirrored classes part at the axis between them: a test item counts as right on its side alone", () => {
    const mirrored = [...around("up", 90, [-20, 20]), ...around("down", 270, [-20, 20])];
    const tested = [...around("up", 90, [0, 89, 91]), ...around("down", 270, [0, -80])];
    const found = probe(toy(["down", "up"], mirrored, tested), { l2: 0.1 });
    expect([...(found.outcomes[0]?.flags ?? [])]).toEqual([1, 1, 0, 1, 1]);
    expect(value(found, "lp_acc1")).toBe(0.8);
    expect(value(found, "lp_mean_per_class_recall")).toBeCloseTo((2 / 3 + 1) / 2, 12);
    expect(found.headline).toBe("lp_acc1");
    expect(found.settings).toMatchObject({ l2: 0.1, l2_from: "given", fewshot_k: -1, train_samples: 4, converged: true });
  });
  test("a class without training samples is never predicted, one that the list lacks is not trained on, and labels keep their places", () => {
    const extra = [...train, ...around("south", 270, narrow)];
    const tested = [...around("north", 90, [0]), ...around("east", 0, [0]), ...around("nowhere", 180, [0])];
    const found = probe(toy(["nowhere", "west", "east", "north"], extra, tested), { l2: 0.01 });
    expect([...(found.outcomes[0]?.flags ?? [])]).toEqual([1, 1, 0]);
    expect(found.settings?.train_samples).toBe(30);
  });
  test("images are embedded once: the training samples, then the test items", () => {
    asked.length = 0;
    probe(toy(["east", "north", "west"], train, around("east", 0, [0, 1])));
    expect(asked).toEqual([30, 2]);
  });
  test("k shots are k of each class, by the seed; the same call gives the same numbers", () => {
    const source = toy(["east", "north", "west"], train, train);
    const two = probe(source, { shots: 2, l2: 0.01 });
    expect(two.settings).toMatchObject({ fewshot_k: 2, train_samples: 6 });
    expect(probe(source, { shots: 2, l2: 0.01 })).toEqual(two);
    // At 100 degrees: wrong where a was drawn at 0 and b at 180, right for the other three draws.
    const noisy = toy(["a", "b"], [...around("a", 0, [0, 90]), ...around("b", 180, [0, 90])], around("a", 100, [0]));
    const right = [0, 1, 2, 3, 4, 5, 6, 7].map((seed) => value(probe(noisy, { shots: 1, l2: 0.01, seed }), "lp_acc1"));
    expect(new Set(right)).toEqual(new Set([0, 1]));
  });
  test("a sweep chooses by the part held back, then fits all samples with that penalty", () => {
    const source = toy(["east", "north", "west"], train, around("north", 90, narrow));
    const found = probe(source);
    expect(found.settings).toMatchObject({ l2_from: "sweep", train_samples: 30 });
    expect(value(found, "lp_acc1")).toBe(1);
    // Nothing contradicts the classes, so more weight is always likelier: the penalty is as good as none.
    expect(found.settings?.l2).toBeLessThan(1e-4);
    // Half of the labels are wrong: to believe less is likelier.
    const doubtful = train.map(({ at }, i): Sample => ({ className: ["east", "north"][i % 2] ?? "", at }));
    expect(probe(toy(["east", "north"], doubtful, train.slice(0, 20))).settings?.l2).toBeGreaterThan(0.1);
    const again = probe(source, { l2: found.settings?.l2 });
    expect(value(again, "lp_acc1")).toBe(value(found, "lp_acc1"));
  });
  test("one shot leaves nothing to sweep on, and says what to give", () => {
    expect(() => probe(toy(["east", "north", "west"], train, train), { shots: 1 })).toThrow(
      expect.objectContaining({ code: "EG-4212", message: expect.stringContaining("toy: no class has two training samples") }),
    );
  });
});
