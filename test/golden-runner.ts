import { readdirSync, readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import type { z } from "zod";

/** A number that the specification states, as scripts/golden-make.mjs reads it from its page. */
export interface GoldenRow {
  readonly id: string;
  readonly statement: string;
  readonly inputs: unknown;
  readonly expected: Tree;
  /** Absolute; one for the whole row, or of the shape of `expected`. 0 is exact. */
  readonly tolerance: Tree;
  readonly standing: string;
}

/** Values by position or name. In an answer, `undefined` stands for a part that product code cannot give yet. */
export type Tree = number | string | boolean | null | undefined | readonly Tree[] | { readonly [key: string]: Tree };

/** Gives a row's inputs to product code. */
export type Adapter = (inputs: unknown) => Tree | Promise<Tree>;

/** An adapter whose inputs are checked first. */
export function adapter<S extends z.ZodType>(inputs: S, run: (inputs: z.output<S>) => Tree | Promise<Tree>): Adapter {
  return (given) => run(inputs.parse(given));
}

const folder = new URL("./golden/", import.meta.url);

/** All golden rows of test/golden/*.json, page by page. */
export function goldenRows(): readonly GoldenRow[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .flatMap((name) => {
      const file = JSON.parse(readFileSync(new URL(name, folder), "utf8")) as {
        readonly format: string;
        readonly rows: readonly GoldenRow[];
      };
      // Other records that must not drift lie here too, in formats of their own.
      if (!file.format.startsWith("evergreen-golden/")) return [];
      if (file.format !== "evergreen-golden/1") throw new Error(`${name}: format ${file.format}`);
      return file.rows;
    });
}

/** What a comparison found, by dotted paths into the expected values. */
export interface Comparison {
  readonly checked: readonly string[];
  readonly wrong: readonly string[];
  /** Parts that were not answered. */
  readonly open: readonly string[];
}

export function compare({ expected, tolerance }: Pick<GoldenRow, "expected" | "tolerance">, answer: Tree, path = ""): Comparison {
  if (answer === undefined) return { checked: [], wrong: [], open: [path || "all"] };
  if (!isBranch(expected)) {
    const wrong = agrees(expected, tolerance, answer)
      ? []
      : [`${path || "value"}: expected ${expected} ± ${tolerance}, got ${JSON.stringify(answer)}`];
    return { checked: [path], wrong, open: [] };
  }
  // A name that only the answer has is wrong; so is a branch answered by a single value.
  const keys = new Set([...Object.keys(expected), ...(isBranch(answer) ? Object.keys(answer) : [])]);
  const parts = [...keys].map((key) => {
    const own = { expected: child(expected, key), tolerance: child(tolerance, key) };
    return compare(own, isBranch(answer) ? child(answer, key) : null, path ? `${path}.${key}` : key);
  });
  return {
    checked: parts.flatMap(({ checked }) => checked),
    wrong: parts.flatMap(({ wrong }) => wrong),
    open: parts.flatMap(({ open }) => open),
  };
}

function agrees(expected: Tree, tolerance: Tree, answer: Tree): boolean {
  if (typeof expected === "number" && typeof answer === "number") return Math.abs(answer - expected) <= (tolerance as number);
  return expected === answer;
}

/** The row once for every checked value, that value moved by ten tolerances (1 where it is exact; other letters where it is a text). */
function shifted(row: GoldenRow, paths: readonly string[]): readonly { readonly path: string; readonly row: GoldenRow }[] {
  return paths.map((path) => {
    const keys = path === "" ? [] : path.split(".");
    return { path, row: { ...row, expected: replaced(row.expected, row.tolerance, keys) } };
  });
}

function replaced(value: Tree, tolerance: Tree, [key, ...rest]: readonly string[]): Tree {
  if (key === undefined) return moved(value, tolerance);
  const changed = replaced(child(value, key), child(tolerance, key), rest);
  if (Array.isArray(value)) return value.map((item, i) => (String(i) === key ? changed : item));
  return { ...(value as { readonly [key: string]: Tree }), [key]: changed };
}

function moved(value: Tree, tolerance: Tree): Tree {
  if (typeof value === "number") return value + (10 * (tolerance as number) || 1);
  if (typeof value === "string") return value === "" ? "x" : value.replace(/.$/su, (last) => (last === "0" ? "1" : "0"));
  return value !== true;
}

function isBranch(tree: Tree): tree is readonly Tree[] | { readonly [key: string]: Tree } {
  return tree !== null && typeof tree === "object";
}

/** A tolerance that is one number holds for the whole branch. */
function child(tree: Tree, key: string): Tree {
  return isBranch(tree) ? (tree as { readonly [key: string]: Tree })[key] : typeof tree === "number" ? tree : undefined;
}

/**
 * One test a row that has an adapter, and a line that counts them all. With EVERGREEN_GOLDEN=mutate each test instead moves every
 * value of its row, one after the other, and fails where the row would still have passed.
 */
export function testRows(suite: string, adapters: ReadonlyMap<string, Adapter>, elsewhere: ReadonlySet<string> = new Set()): void {
  const rows = goldenRows();
  const mutate = process.env.EVERGREEN_GOLDEN === "mutate";
  const tally = { passed: [] as string[], inPart: [] as string[], failed: [] as string[], values: 0 };
  describe(`golden rows (${suite})`, () => {
    test("every adapter belongs to a row", () => {
      const known = new Set(rows.map(({ id }) => id));
      expect([...adapters.keys(), ...elsewhere].filter((id) => !known.has(id))).toEqual([]);
      expect(known.size).toBe(rows.length);
    });
    for (const row of rows) {
      const run = adapters.get(row.id);
      if (!run) continue;
      test(`${row.id}: ${row.statement.slice(0, 100)}`, async () => {
        tally.failed.push(row.id);
        const answer = await run(row.inputs);
        const { checked, wrong, open } = compare(row, answer);
        expect(wrong).toEqual([]);
        expect(checked.length).toBeGreaterThan(0);
        if (mutate)
          expect(
            shifted(row, checked)
              .filter((one) => compare(one.row, answer).wrong.length !== 1)
              .map(({ path }) => `${path} moved, not seen`),
          ).toEqual([]);
        tally.failed.pop();
        tally.values += checked.length;
        if (open.length > 0) tally.inPart.push(`${row.id} (without ${open.join(", ")})`);
        else tally.passed.push(row.id);
      });
    }
    afterAll(() => {
      const waiting = rows.filter(({ id }) => !adapters.has(id) && !elsewhere.has(id)).map(({ id }) => id);
      const verb = mutate ? "seen to fail when moved" : "passed";
      const done = tally.passed.length + tally.inPart.length;
      const lines = [
        `golden rows (${suite}): ${done} ${verb} (${tally.values} values; ${tally.inPart.length} rows in part), ${tally.failed.length} ${mutate ? "not seen" : "failed"}${suite === "core" ? `, ${waiting.length} not run` : ""}`,
      ];
      if (tally.failed.length > 0) lines.push(`  failed: ${tally.failed.join(" ")}`);
      if (tally.inPart.length > 0) lines.push(`  in part: ${tally.inPart.join("; ")}`);
      if (suite === "core") lines.push(`  in the engine suite: ${elsewhere.size}; not run: ${waiting.join(" ") || "none"}`);
      process.stdout.write(`${lines.join("\n")}\n`);
    });
  });
}
