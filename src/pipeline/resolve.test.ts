import { expect, test } from "vitest";
import { architecture } from "../models/architecture.ts";
import { checkMemorySaving } from "./resolve.ts";

type Settings = Parameters<typeof checkMemorySaving>[0];
const settings = (engine: Partial<Settings["engine"]>): Settings => ({ engine, data: { batchSize: 32 } }) as Settings;

test("a model with batch norm is refused in micro-batches and with activation checkpointing", () => {
  const resnet = architecture("RN50");
  expect(() => checkMemorySaving(settings({ microBatch: 8, activationCheckpointing: false }), resnet)).toThrow(/engine\.micro_batch/);
  expect(() => checkMemorySaving(settings({ activationCheckpointing: true }), resnet)).toThrow(/engine\.activation_checkpointing/);
});

test("a micro-batch of the whole batch cuts nothing, and transformers may have both", () => {
  expect(() => checkMemorySaving(settings({ microBatch: 32, activationCheckpointing: false }), architecture("RN50"))).not.toThrow();
  expect(() => checkMemorySaving(settings({ microBatch: 8, activationCheckpointing: true }), architecture("ViT-B-32"))).not.toThrow();
});
