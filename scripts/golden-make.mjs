#!/usr/bin/env node
// Makes test/golden/*.json from the specification's pages: node scripts/golden-make.mjs --spec DIR
// A developer's tool: the pages are not part of the repository, the JSON is.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { budget } from "./golden-budget.mjs";
import { evaluation } from "./golden-evaluation.mjs";
import { goldenRows } from "./golden-markdown.mjs";
import { methods } from "./golden-methods.mjs";
import { schedules, scheduleTables, streams } from "./golden-schedules.mjs";
import { backbones, training } from "./golden-training.mjs";
import { finest, readCell, settle } from "./golden-values.mjs";

const pages = ["training", "backbones", "schedules", "evaluation", "streams", "budget", "merging", "methods", "datasets"];
const readers = { training, backbones, schedules, evaluation, streams, budget, methods };
/** Rows that have values but no name of their own, by page. */
const extra = { schedules: scheduleTables };
/** Standing that a page states for all rows that do not state one. */
const pageStanding = { schedules: "C", merging: "C", backbones: "C" };
const standing = /^[PRCEI](?: \/ [PRCEI])*(?: \([^)]*\))?$/;

const { values: options } = parseArgs({ options: { spec: { type: "string" } } });
if (!options.spec) {
  process.stderr.write("usage: node scripts/golden-make.mjs --spec DIR\n");
  process.exit(2);
}
const read = (name) => readFileSync(join(options.spec, name), "utf8");
const sets = JSON.parse(read("datasets.json"));
const target = fileURLToPath(new URL("../test/golden/", import.meta.url));

for (const name of pages) {
  const page = read(`${name}.md`);
  const rows = goldenRows(page, name);
  const made = rows.map((row) => makeRow(row, { name, page, rows }));
  const more = (extra[name]?.(page) ?? []).map((row) => ({ ...row, ...settle(row.expected, row.tolerance) }));
  const lines = [...made, ...more].map((row) => `  ${JSON.stringify(row)}`).join(",\n");
  writeFileSync(join(target, `${name}.json`), `{"format": "evergreen-golden/1", "page": "${name}.md", "rows": [\n${lines}\n]}\n`);
  process.stdout.write(`${name}.json: ${made.length + more.length} rows\n`);
}

function makeRow({ id, cells, header }, { name, page, rows }) {
  const last = cells.at(-1) ?? "";
  const isLast = cells.length > 1 && standing.test(last);
  const stated = isLast ? last.split(" (")[0] : /\(([PRCEI])[^)]*\)\s*\.?$/.exec(last)?.[1];
  const own = isLast ? cells.slice(0, -1) : cells;
  const reader = readers[name]?.[id.split(".")[1]];
  const { inputs = {}, expected, tolerance } = reader?.({ cells: own, header, page, rows, sets }) ?? asPrinted(own);
  return { id, statement: own[0], inputs, ...settle(expected, tolerance), standing: stated ?? pageStanding[name] ?? "C" };
}

/** A row whose product code comes later: its cells as they are printed. */
function asPrinted([statement, ...cells]) {
  const kept = cells.filter((cell) => cell !== "");
  if (kept.length === 0) return { expected: statement };
  const expected = kept.length === 1 ? readCell(kept[0]) : kept.map(readCell);
  const shared = finest(expected);
  return shared > 1e-9 ? { expected, tolerance: shared } : { expected };
}
