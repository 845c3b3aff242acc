import { expect, test } from "vitest";
import { miniFluxProgress, ProgressLine } from "./data-progress.ts";

function told(isTerminal: boolean, events: readonly (readonly [ms: number, done: number])[]): string {
  let now = 0;
  let text = "";
  const write = (piece: string): void => {
    text += piece;
  };
  const line = new ProgressLine({ write, isTerminal, now: () => now });
  const progress = miniFluxProgress(line);
  for (const [ms, done] of events) {
    now = ms;
    progress({ phase: "render", done, total: 1000, bytes: done * 1000 });
  }
  line.end();
  return text;
}

test("without a terminal there is a line at the start, every half minute and at the end, with rate and time left", () => {
  expect(
    told(false, [
      [0, 100],
      [1000, 200],
      [40_000, 400],
      [100_000, 1000],
    ])
      .trimEnd()
      .split("\n"),
  ).toEqual([
    "mini-flux  drawing  100/1,000 pictures  100 kB",
    "mini-flux  drawing  400/1,000 pictures  400 kB  10/s  1m 00s left",
    "mini-flux  drawing  1,000/1,000 pictures  1.0 MB  10/s",
  ]);
});

test("on a terminal one line is redrawn, at most ten times a second, and stands at the end", () => {
  const text = told(true, [
    [0, 1],
    [50, 2],
    [150, 3],
    [200, 1000],
  ]);
  expect(text.match(/\r/g)).toHaveLength(3);
  expect(text.endsWith("1,000/1,000 pictures  1.0 MB\n")).toBe(true);
});
