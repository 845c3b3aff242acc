import { readFileSync } from "node:fs";
import type { DataSource, SampleId } from "../data/source.ts";
import { UsageError } from "../util/errors.ts";
import { hashOf } from "../util/hash.ts";

/**
 * Test items that a list of problems names as contaminated by their picture; those found by their caption alone are left in. Reads what `data check --against … --out`
 * writes, and a plain list of ids, one a line.
 * @throws {UsageError} for a file that is not there or names nothing.
 */
export function itemsToLeaveOut(path: string): ReadonlySet<SampleId> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new UsageError(
      `--without ${path}: there is no such file`,
      "evergreen data check TRAINING --against TEST --out problems.tsv writes one",
    );
  }
  const [head = "", ...lines] = text.split(/\r?\n/).filter((line) => line !== "");
  const [problem, item] = ["problem", "item"].map((title) => head.split("\t").indexOf(title));
  if (problem === undefined || item === undefined || problem < 0 || item < 0) return namedIn([head, ...lines], path);
  const rows = lines.map((line) => line.split("\t"));
  return namedIn(
    rows.flatMap((row) => (/^contaminated-(?!caption$)/.test(row[problem] ?? "") ? [row[item] ?? ""] : [])),
    path,
  );
}

function namedIn(ids: readonly string[], path: string): ReadonlySet<SampleId> {
  const found = new Set(ids.map((id) => id.trim()).filter((id) => id.includes("/")));
  if (found.size > 0) return found;
  throw new UsageError(`--without ${path}: it names no test item`, "give lines of SET/ITEM, or what data check --against … --out writes");
}

/** A view of a set without some of its test items; its fingerprint is another one. */
export function withoutItems(source: DataSource, left: ReadonlySet<SampleId>): DataSource {
  const whole = source.records("test");
  const test = whole.filter(({ id }) => !left.has(id));
  if (test.length === whole.length) return source;
  const gone = whole.flatMap(({ id }) => (left.has(id) ? [id] : []));
  return {
    ...source,
    fingerprint: hashOf([source.fingerprint, "without", gone]),
    records: (split) => (split === "test" ? test : source.records(split)),
    concepts: () => source.concepts(),
  };
}
