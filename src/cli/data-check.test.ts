import { expect, test } from "vitest";
import { problemsOf } from "./data-check.ts";

test("each problem is a row; of equal images all but the first", () => {
  const rows = problemsOf({
    dataset: "photos",
    task: "classification",
    train: 5,
    test: 1,
    classes: 1,
    readable: 5,
    unreadable: [{ id: "photos/u", item: "u.jpg", reason: "an empty file" }],
    misnamed: [{ id: "photos/m", item: "m.png", is: "jpeg" }],
    duplicates: [["photos/a", "photos/b", "photos/c"]],
    leaks: 0,
    longCaptions: [{ id: "photos/l", tokens: 90 }],
    leftOut: [{ item: "x.txt", reason: "no image" }],
  }).map(({ problem, item, detail }) => [problem, item, detail]);
  expect(rows).toEqual([
    ["unreadable", "u.jpg", "an empty file"],
    ["duplicate", "photos/b", "the same as photos/a"],
    ["duplicate", "photos/c", "the same as photos/a"],
    ["misnamed", "m.png", "is jpeg"],
    ["long-caption", "photos/l", "90 tokens"],
    ["left-out", "x.txt", "no image"],
  ]);
});
