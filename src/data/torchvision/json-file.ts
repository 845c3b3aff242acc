import { z } from "zod";
import { DataError, reasonOf } from "../data-error.ts";
import { textOf } from "./found-set.ts";

/** Name of a file without a folder, so that it cannot lead out of the folder it is looked for in. */
export const plainName = z.string().regex(/^(?!\.{1,2}$)[^/\\\0]+$/, "expected the plain name of a file");

/**
 * What a JSON file says, by a schema.
 * @throws {DataError} with the place: line and column of a slip in the text where the parser tells them, the path of a value that is not as expected.
 */
export function jsonIn<S extends z.ZodType>(path: string, schema: S): z.output<S> {
  const parsed = schema.safeParse(valueIn(path, textOf(path)));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new DataError(`${path}: ${issue?.path.join(" → ") || "the whole"}: ${issue?.message ?? "not as expected"}`);
}

function valueIn(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = reasonOf(error);
    const [, offset] = /at position (\d+)/.exec(reason) ?? [];
    const at = offset !== undefined ? Number(offset) : /end of JSON/.test(reason) ? text.length : undefined;
    throw new DataError(`${path}: not JSON (${reason})`, {
      ...(at === undefined ? {} : { place: { file: path, ...lineAndColumn(text, at) } }),
      fix: "fetch the file again",
      cause: error,
    });
  }
}

function lineAndColumn(text: string, at: number): { readonly line: number; readonly column: number } {
  const lines = text.slice(0, at).split("\n");
  return { line: lines.length, column: (lines.at(-1) ?? "").length + 1 };
}
