import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { compareJson, compareNumbers, compareTensors } from "../scripts/peers/compare.mjs";

const folder = mkdtempSync(join(tmpdir(), "evergreen-compare-"));
afterAll(() => rmSync(folder, { recursive: true }));

function json(name: string, value: unknown): string {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify(value));
  return file;
}

test("a difference is a share of absolute + scaled times the largest stored entry", () => {
  const { worst, where } = compareNumbers([1, -10], [1.5, -10], { absolute: 0.5, scaled: 0.1 }, "losses");
  expect(worst).toBeCloseTo(0.5 / 1.5, 12);
  expect(where).toBe("losses[0]");
});

test("a number that is not one never passes", () => {
  expect(compareNumbers([1], [Number.NaN], { absolute: 1 }, "x").worst).toBe(Number.POSITIVE_INFINITY);
});

test("a number under a key without a rule must be equal", () => {
  const stored = json("a.json", { losses: [1, 2], steps: 10 });
  const rules = { losses: { absolute: 0.1 } };
  expect(compareJson(stored, json("b.json", { losses: [1, 2.05], steps: 10 }), rules).worst).toBeCloseTo(0.5, 6);
  expect(compareJson(stored, json("c.json", { losses: [1, 2], steps: 11 }), rules)).toMatchObject({
    problem: "another value",
    where: "steps",
  });
  const [one, other] = [json("f.json", { losses: { lora: 1 } }), json("g.json", { losses: { lora: 1.05 } })];
  expect(compareJson(one, other, rules).worst).toBeCloseTo(0.5, 6);
  expect(compareJson(stored, json("d.json", { losses: [1, 2] }), rules).problem).toBe("other keys");
  expect(compareJson(stored, json("e.json", { losses: [1], steps: 10 }), rules).problem).toBe("1 values instead of 2");
});

test("one entry of a tensor that lies beyond the tolerance is found", () => {
  const stored = fileURLToPath(new URL("./vectors/model/large.safetensors", import.meta.url));
  const changed = join(folder, "changed.safetensors");
  const bytes = readFileSync(stored);
  bytes.writeFloatLE(bytes.readFloatLE(bytes.length - 4) + 0.001, bytes.length - 4);
  writeFileSync(changed, bytes);
  expect(compareTensors(stored, stored, { scaled: 1e-5 }).worst).toBe(0);
  expect(compareTensors(stored, changed, { scaled: 1e-5 }).worst).toBeGreaterThan(1);
});
