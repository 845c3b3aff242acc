import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { delimitedRows, separatorOf } from "./delimited.ts";

const folder = mkdtempSync(join(tmpdir(), "delimited-"));

async function rowsOf(text: string, separator = ","): Promise<{ line: number; fields: readonly string[] }[]> {
  const path = join(folder, "table.csv");
  writeFileSync(path, text);
  const rows = [];
  for await (const row of delimitedRows(path, separator)) rows.push(row);
  return rows;
}

test("quotes, doubled quotes, breaks in quotes, a byte order mark, CRLF and empty lines", async () => {
  expect(await rowsOf('\ufeffa,b\r\n"x, ""y""","two\r\nlines"\r\n\r\n1,\r\n')).toEqual([
    { line: 1, fields: ["a", "b"] },
    { line: 2, fields: ['x, "y"', "two\r\nlines"] },
    { line: 5, fields: ["1", ""] },
  ]);
});

test("any table comes back as it was written", async () => {
  const field = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "é", "😀", " ") });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(field, field, field), { minLength: 1, maxLength: 5 }), async (table) => {
      const text = table.map((row) => row.map((value) => `"${value.replaceAll('"', '""')}"`).join(",")).join("\n");
      expect((await rowsOf(text)).map(({ fields }) => fields)).toEqual(table);
    }),
    { numRuns: 60 },
  );
});

test("an open quote and a NUL are errors with their line", async () => {
  await expect(rowsOf('a,b\n1,"2\n3')).rejects.toThrow(/table.csv:2: a quote is never closed/);
  await expect(rowsOf("a,b\n1,\0")).rejects.toThrow(/table.csv:2: a NUL/);
});

test("the separator is the one the header uses most outside quotes", () => {
  expect(separatorOf("filepath\ttitle")).toBe("\t");
  expect(separatorOf('"a\tb\tc",d')).toBe(",");
  expect(separatorOf("a;b;c")).toBe(";");
});
