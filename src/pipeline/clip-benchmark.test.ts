import { expect, test } from "vitest";
import { registry } from "../data/registry.ts";
import type { ResultRow } from "../runs/rows.ts";
import { clipBenchmarkFile, parseClipBenchmark, registeredName, toClipBenchmark } from "./clip-benchmark.ts";

const file = (fields: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    dataset: "wds/vtab/pets",
    model: "ViT-B-32",
    pretrained: "laion2b_s34b_b79k",
    task: "zeroshot_classification",
    metrics: { acc1: 0.9 },
    language: "en",
    ...fields,
  });

test("a result is read; NaN and texts among its metrics are left out, and a file without a language is English", () => {
  const text =
    '{"dataset": "x", "model": "m", "pretrained": "p", "task": "linear_probe", "metrics": {"acc1": 0.25, "acc5": NaN, "note": "y", "lr": 0.1}}';
  expect(parseClipBenchmark(text, "r.json")).toEqual({
    ...{ dataset: "x", model: "m", pretrained: "p", task: "linear_probe", language: "en" },
    metrics: { acc1: 0.25, lr: 0.1 },
  });
});

test.each([
  ["no", "r.json: is not JSON"],
  ["[]", "r.json: "],
  [file({ metrics: [1] }), "metrics"],
  [file({ model: undefined }), "model"],
])("%s is no result", (text, message) => {
  expect(() => parseClipBenchmark(text, "r.json")).toThrow(
    expect.objectContaining({ code: "EG-4610", message: expect.stringContaining(message) }),
  );
});

test("its names of data sets are ours where we know the set, and every name we map to is registered", () => {
  expect(["wds/vtab/pets", "imagenet1k", "wds/mscoco_captions", "vtab/clevr_count_all", "wds/imagenet-a"].map(registeredName)).toEqual([
    "oxford_pets",
    "imagenet",
    "mscoco",
    "clevr_count_all",
    "imagenet_a",
  ]);
  const known = new Set(registry.map(({ handle }) => handle));
  for (const name of ["cars", "fgvc_aircraft", "fashion_mnist", "flowers", "imagenet_sketch", "imagenetv2", "imagenet-r", "sun397", "dtd"])
    expect(known, name).toContain(registeredName(name));
});

const row = (dataset: string, evaluator: string, metric: string, value: number): ResultRow => ({
  ...{ t: 0, task: 0, s: 10, state: "live", role: "eval", unit: "share", n: 10 },
  ...{ dataset, evaluator, metric, value },
});

test("an evaluation becomes one result a set, under its names of tasks and metrics alone, and is read back as it was", async () => {
  const rows = [
    row("mnist", "zero-shot", "acc1", 0.7),
    row("mnist", "zero-shot", "ece", 0.1),
    row("mnist", "zero-shot", "mean_per_class_recall", 0.6),
    row("flat", "retrieval", "retrieval_recall@5", 0.5),
    row("flat", "retrieval", "image_retrieval_recall@5", 0.4),
    { ...row("flags", "linear-probe", "lp_acc1", 0.9), settings: { fewshot_k: 16, l2: 0.01, l2_from: "given", converged: true } },
  ];
  const model = { model: "mini-flux", pretrained: "run-1" };
  const results = await toClipBenchmark(rows, model);
  expect(results).toEqual([
    { dataset: "mnist", ...model, task: "zeroshot_classification", metrics: { acc1: 0.7, mean_per_class_recall: 0.6 }, language: "en" },
    { dataset: "flat", ...model, task: "zeroshot_retrieval", metrics: { "image_retrieval_recall@5": 0.4 }, language: "en" },
    { dataset: "flags", ...model, task: "linear_probe", metrics: { acc1: 0.9, fewshot_k: 16, l2: 0.01 }, language: "en" },
  ]);
  for (const result of results) expect(parseClipBenchmark(JSON.stringify(result), "x")).toEqual(result);
  expect(results.map(clipBenchmarkFile)).toEqual([
    "mnist_run-1_mini-flux_en_zeroshot_classification.json",
    "flat_run-1_mini-flux_en_zeroshot_retrieval.json",
    "flags_run-1_mini-flux_en_linear_probe.json",
  ]);
  expect(clipBenchmarkFile({ ...(results[0] as (typeof results)[number]), dataset: "../a/b" })).not.toContain("/");
});
