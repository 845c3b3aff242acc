import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { formatLogLine, logLine } from "./log-lines.ts";
import { LineTail } from "./tail.ts";

const place = mkdtempSync(join(tmpdir(), "tail-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

test("each line is given once, when it is complete, through growth, rotation and cutting back", () => {
  const path = join(place, "log.jsonl");
  const tail = new LineTail(path);
  expect(tail.next()).toEqual([]);
  writeFileSync(path, "one\ntw");
  expect(tail.next()).toEqual(["one"]);
  appendFileSync(path, "o\n");
  expect([tail.next(), tail.next()]).toEqual([["two"], []]);
  appendFileSync(path, "three\n");
  renameSync(path, join(place, "log.1.jsonl"));
  writeFileSync(path, "four\n");
  expect(tail.next()).toEqual(["three", "four"]);
  truncateSync(path, 0);
  expect(tail.next()).toEqual([]);
  appendFileSync(path, "five\n");
  expect(tail.next()).toEqual(["five"]);
  tail.close();
});

test("rows of the log and events become lines; what names the format or is torn does not", () => {
  expect(logLine('{"format":"log/1"}')).toBeUndefined();
  expect(logLine('{"t":1,"lev')).toBeUndefined();
  expect(logLine('{"t":1,"type":"failed","code":"EG-7301","message":"NaN","exit":7}')).toEqual({
    t: 1,
    level: "error",
    message: "EG-7301: NaN (exit 7)",
  });
  const line = logLine('{"t":0,"level":"warn","message":"x\\u001b[2Jy","reason":"torn"}');
  if (!line) throw new Error("no line");
  expect(formatLogLine(line)).toMatch(/ {2}warn {3}x \[2Jy {2}reason=torn$/);
});
