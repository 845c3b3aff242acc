import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type ParsedSpec, readSpec } from "../runs/spec.ts";
import { checkParts } from "./check-parts.ts";

const folder = mkdtempSync(join(tmpdir(), "parts-"));
afterAll(() => rmSync(folder, { recursive: true }));

function parsed(lines: readonly string[]): ParsedSpec {
  const file = join(folder, "run.yaml");
  const head = ["model: {arch: tiny, init: random}", "stream: {from: ./photos}", "budget: {total: 2 steps}"];
  writeFileSync(file, [...head, ...lines, ""].join("\n"));
  return readSpec({ files: [file], env: {}, cwd: folder, presets: folder });
}

test("parts that are there and take what they are given pass", async () => {
  const fine = parsed([
    "methods: [{name: ewc, lambda: 3}, {name: lora, target_modules: [q]}]",
    "data: {buffer: {name: recent, capacity: 10}}",
  ]);
  await expect(checkParts(fine)).resolves.toBeUndefined();
});

test("every wrong option and name is told at its line and column", async () => {
  const wrong = parsed(["methods:", "  - {name: ewc, lambada: 3}", "  - {name: lroa}", "data: {augment: {name: openclip, size: -1}}"]);
  const message = await checkParts(wrong).then(
    () => "",
    (error: Error) => error.message,
  );
  expect(message).toContain("run.yaml:5:17: methods[0].lambada: unknown key");
  expect(message).toContain('did you mean "lambda"?');
  expect(message).toMatch(/run\.yaml:6:12: methods\[1\]: unknown method "lroa".*did you mean "lora"\?/);
  expect(message).toMatch(/run\.yaml:7:\d+: data\.augment/);
});
