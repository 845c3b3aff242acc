import { expect, test } from "vitest";
import { architecture } from "../models/architecture.ts";
import { checkMicroBatch } from "./resolve.ts";

type Settings = Parameters<typeof checkMicroBatch>[0];
const settings = (microBatch: number): Settings => ({ engine: { microBatch }, data: { batchSize: 32 } }) as Settings;

test("a model with batch norm is refused in micro-batches, not with activations computed again", () => {
  const resnet = architecture("RN50");
  expect(() => checkMicroBatch(settings(8), resnet)).toThrow(/engine\.micro_batch/);
  const { engine, data } = settings(8);
  const { microBatch: _, ...rest } = engine;
  expect(() => checkMicroBatch({ engine: { ...rest, activationCheckpointing: true }, data }, resnet)).not.toThrow();
});

test("a micro-batch of the whole batch cuts nothing, and transformers may be cut", () => {
  expect(() => checkMicroBatch(settings(32), architecture("RN50"))).not.toThrow();
  expect(() => checkMicroBatch(settings(8), architecture("ViT-B-32"))).not.toThrow();
});
