import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { duplicateKey } from "./duplicate-key.ts";
import { type TensorSource, writeShards } from "./safetensors-write.ts";
import { openWeights } from "./weights-file.ts";
import { WeightsFileError } from "./weights-file-error.ts";

const folder = mkdtempSync(join(tmpdir(), "evergreen-weights-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const sample: readonly TensorSource[] = [
  { name: "n", dtype: "I64", shape: [], data: new Uint8Array(BigInt64Array.of(7n).buffer) },
  { name: "a", dtype: "F32", shape: [1, 2], data: new Uint8Array(Float32Array.of(1.5, -3.25).buffer) },
  { name: "b", dtype: "F16", shape: [3], data: Uint8Array.of(0x00, 0x3c, 0x00, 0xc0, 0x00, 0x38) },
];

test("shards are read through their index, and the index must agree with them", async () => {
  const home = mkdtempSync(join(folder, "shards-"));
  await writeShards(home, sample, { shardBytes: 16, metadata: { format: "pt" } });
  expect(readdirSync(home).sort()).toEqual([
    "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
    "model.safetensors.index.json",
  ]);
  const path = join(home, "model.safetensors.index.json");
  const weights = await openWeights(path);
  expect(weights.entries.map((item) => item.name)).toEqual(["n", "a", "b"]);
  expect(weights.metadata).toEqual({ format: "pt" });
  expect(weights.files.length).toBe(2);
  const index = JSON.parse(readFileSync(path, "utf8"));
  expect(index.metadata.total_size).toBe(22);
  const tampered = async (change: (map: Record<string, unknown>) => void): Promise<void> => {
    const map = { ...index.weight_map };
    change(map);
    writeFileSync(path, JSON.stringify({ weight_map: map }));
    await expect(openWeights(path)).rejects.toBeInstanceOf(WeightsFileError);
  };
  await tampered((map) => Object.assign(map, { c: "model-00001-of-00002.safetensors" }));
  await tampered((map) => Object.assign(map, { a: "model-00002-of-00002.safetensors" }));
  await tampered((map) => delete map.a);
  await tampered((map) => Object.assign(map, { a: "../0.safetensors" }));
  await tampered((map) => Object.assign(map, { a: "absent.safetensors" }));
  await tampered((map) => Object.assign(map, { a: 5 }));
  for (const text of ["", "null", "[]", '{"weight_map":[]}', '{"weight_map":{"a":"x.safetensors","a":"y.safetensors"}}']) {
    writeFileSync(path, text);
    await expect(openWeights(path)).rejects.toBeInstanceOf(WeightsFileError);
  }
});

test("duplicate keys are found at any depth and whatever their spelling, and nowhere else", () => {
  expect(duplicateKey('{"a":{"b":1},"b":{"a":[{"a":1},{"a":2}]},"c":"a:b{","d":"\\"a\\":"}')).toBeUndefined();
  expect(duplicateKey('{"x":[1,{"k":1,"j":2,"\\u006b":3}]}')).toBe("k");
  expect(duplicateKey('{"a\\\\":1,"b":"x","a\\\\":2}')).toBe("a\\");
  expect(duplicateKey('"text"')).toBeUndefined();
});
