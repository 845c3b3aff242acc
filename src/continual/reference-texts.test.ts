import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import type { RowInfo, StepIndex, TaskContext } from "./method.ts";
import { captionsOfFile, captionsOfPretraining } from "./reference-texts.ts";

const folder = mkdtempSync(join(tmpdir(), "reference-texts-"));
afterAll(() => rmSync(folder, { recursive: true }));

const run = { random: createRandom(4) };
function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

test("a file's captions are its distinct lines, trimmed, in its order", () => {
  const path = file("few.txt", "a cat\r\n  a dog \n\na cat\na bird");
  expect(captionsOfFile(path, 10, run)).toEqual(["a cat", "a dog", "a bird"]);
});

test("of a long file as many are drawn as are wanted, the same for a seed, in the file's order", () => {
  const path = file("many.txt", Array.from({ length: 1000 }, (_, i) => `caption ${i}`).join("\n"));
  const drawn = captionsOfFile(path, 100, run);
  const numbers = drawn.map((caption) => Number(caption.slice("caption ".length)));
  expect(drawn).toHaveLength(100);
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  // The mean of 100 of 0 … 999 without replacement: 499.5 with a standard deviation of 288.7/10 · √0.9 = 27.4.
  expect(Math.abs(numbers.reduce((sum, each) => sum + each, 0) / 100 - 499.5)).toBeLessThan(3 * 27.4);
  expect(captionsOfFile(path, 100, run)).toEqual(drawn);
  expect(captionsOfFile(path, 100, { random: createRandom(5) })).not.toEqual(drawn);
});

test("a file that is not there, and one without a caption, are errors that name it", () => {
  expect(() => captionsOfFile(join(folder, "none.txt"), 5, run)).toThrow(/texts: .*none\.txt cannot be read/);
  expect(() => captionsOfFile(file("empty.txt", " \n\n"), 5, run)).toThrow(/empty\.txt holds no caption/);
});

/** A task whose step s draws one update row and the pretraining captions 2s and 2s + 1, `repeats` steps the same ones. */
function taskOf(steps: number, repeats = 1): TaskContext & { readonly asked: number[] } {
  const asked: number[] = [];
  const rows = ({ step }: StepIndex): readonly RowInfo[] => {
    asked.push(step);
    const first = 2 * Math.floor(step / repeats);
    return [
      { id: "set/0", role: "update", caption: "of the stream" },
      ...[first, first + 1].map((n): RowInfo => ({ id: `pool/${n}`, role: "pretraining", caption: `caption ${n}` })),
    ];
  };
  const seen = Object.assign(rows, { roles: () => ["update", "pretraining", "pretraining"] });
  return { task: 1, steps, seen, run, asked } as unknown as TaskContext & { readonly asked: number[] };
}

test("captions of the pretraining rows are distinct, no more than wanted, and spread over the task", () => {
  const task = taskOf(500);
  const captions = captionsOfPretraining(task, 100);
  expect(new Set(captions).size).toBe(100);
  expect(captions).not.toContain("of the stream");
  expect(task.asked).toHaveLength(50);
  // The mean of 50 of 0 … 499 without replacement has the standard deviation 144.3 / √50 · √0.9 = 19.4.
  expect(Math.abs(task.asked.reduce((sum, each) => sum + each, 0) / 50 - 249.5)).toBeLessThan(3 * 19.4);
});

test("a task that draws fewer distinct captions gives all of them", () => {
  const captions = captionsOfPretraining(taskOf(12, 4), 100);
  expect([...captions].sort()).toEqual([0, 1, 2, 3, 4, 5].map((n) => `caption ${n}`));
});
