import { describe, expect, test } from "vitest";
import type { DataSource, SampleRecord, Split } from "../../src/data/source.ts";
import { memory } from "../../src/engine/memory.ts";
import { normalize } from "../../src/engine/ops.ts";
import { scope } from "../../src/engine/scope.ts";
import { tensor } from "../../src/engine/tensor.ts";
import { type Embedder, type Evaluation, evaluators } from "../../src/evaluation/evaluator.ts";
import { entries } from "../engine/small-models.ts";
import { judgedParts } from "../fixtures/judged-parts.ts";

// What is true of every evaluator.

const [classes, each, width] = [3, 4, 6];
const classNames = Array.from({ length: classes }, (_, i) => `kind ${i}`);

/** Four samples of each class in each split; one of the test split lies with another class. */
function source(task: DataSource["task"]): DataSource {
  const records = (split: Split): readonly SampleRecord[] =>
    classNames.flatMap((className, kind) =>
      Array.from({ length: each }, (_, i): SampleRecord => {
        const id = `set/${split}-${kind}-${i}`;
        const own = task === "classification" ? { className } : {};
        return { id, ...own, captions: [`${className}, number ${i}`], split, image: { kind: "file", path: id } };
      }),
    );
  const about = { name: "set", task, role: "adapt", fingerprint: "f", templates: ["a photo of a {}."], licences: [] } as const;
  return { ...about, classNames: task === "classification" ? classNames : [], records, concepts: () => [] };
}

/** Images of a class lie about its direction, and so does its text. */
const direction = (kind: number): readonly number[] => Array.from({ length: width }, (_, i) => (i === kind ? 1 : 0));
function embedder(): Embedder & { readonly asked: string[] } {
  const asked: string[] = [];
  const about = (places: readonly (readonly [kind: number, seed: number])[]) =>
    normalize(
      tensor(
        places.flatMap(([kind, seed]) => {
          const noise = entries(width, seed + 1);
          return direction(kind).map((x, i) => x + 0.2 * (noise[i] ?? 0));
        }),
        [places.length, width],
        "float32",
      ),
    );
  return {
    scale: 20,
    asked,
    images: (records) => {
      asked.push(...records.map(({ id }) => id));
      return about(
        records.map(({ id }, i) => {
          const kind = Number(/-(\d)-/.exec(id)?.[1]);
          return [id === "set/test-0-0" ? 1 : kind, i];
        }),
      );
    },
    texts: (texts) => about(texts.map((text, i) => [Number(/kind (\d)/.exec(text)?.[1]), 50 + i])),
  };
}

describe.each(judgedParts("evaluator"))("%s", (name) => {
  test("says what it is and where it comes from, and refuses an option it does not know", async () => {
    const { summary, source: from, options, tasks, benchmark } = await evaluators.load(name);
    expect([summary, from]).toEqual([expect.stringMatching(/^\S.{20,}\.$/), expect.stringMatching(/\S/)]);
    expect(options.safeParse({ unheardOf: 1 }).success).toBe(false);
    expect(tasks.length).toBeGreaterThan(0);
    expect(benchmark.task).toMatch(/\S/);
  });

  test("gives the same numbers again, its headline among them, in their range, with an outcome for every test item", async () => {
    const part = await evaluators.load(name);
    for (const task of part.tasks) {
      const evaluate = (): Evaluation => part.evaluate(embedder(), source(task), part.options.parse({}));
      const found = evaluate();
      expect(evaluate()).toEqual(found);
      expect(found.measurements.map(({ metric }) => metric)).toContain(found.headline);
      expect(new Set(found.measurements.map(({ metric }) => metric)).size).toBe(found.measurements.length);
      for (const { metric, value, unit, samples, interval = [value, value] } of found.measurements) {
        expect(value, metric).toSatisfy(Number.isFinite);
        if (unit === "share") expect(value >= 0 && value <= 1, metric).toBe(true);
        // An interval that ends at 1 does so to rounding.
        expect(interval[0] <= value + 1e-12 && value <= interval[1] + 1e-12, metric).toBe(true);
        expect(samples, metric).toBeGreaterThan(0);
      }
      for (const { metric, flags } of found.outcomes) {
        expect(flags, metric).toHaveLength(classes * each);
        expect([...flags].every((flag) => flag === 0 || flag === 1)).toBe(true);
        const value = found.measurements.find((measured) => measured.metric === metric)?.value;
        if (value !== undefined) expect([...flags].reduce((sum, flag) => sum + flag, 0) / flags.length).toBeCloseTo(value, 9);
      }
    }
  });

  test("tells the item that lies with another class from the others", async () => {
    const part = await evaluators.load(name);
    if (!part.tasks.includes("classification")) return;
    const { outcomes } = part.evaluate(embedder(), source("classification"), part.options.parse({}));
    expect([...(outcomes[0]?.flags ?? [])]).toEqual([0, ...Array.from({ length: classes * each - 1 }, () => 1)]);
  });

  test("asks the other model of an ensemble where it says so, and never else: two equal models score what one scores alone", async () => {
    const part = await evaluators.load(name);
    for (const task of part.tasks) {
      const [model, rival] = [embedder(), embedder()];
      const alone = part.evaluate(embedder(), source(task), part.options.parse({}));
      expect(part.evaluate({ ...model, rivals: [rival] }, source(task), part.options.parse({}))).toEqual(alone);
      expect(model.asked.length).toBeGreaterThan(0);
      expect(rival.asked).toEqual(part.takesEnsembles ? model.asked : []);
    }
  });

  test("looks at training samples only where it says that it fits to them, and leaves no tensor behind", async () => {
    const part = await evaluators.load(name);
    const before = memory().tensors;
    for (const task of part.tasks) {
      const model = embedder();
      scope(() => void part.evaluate(model, source(task), part.options.parse({})));
      expect(model.asked.some((id) => id.startsWith("set/train"))).toBe(part.fits === true);
    }
    expect(memory().tensors).toBe(before);
  });
});
