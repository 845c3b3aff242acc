import type { z } from "zod";

/** What a schema found, in one line: `capacity: expected a number; size: unknown key`. `whole` names what the schema was asked about, where that itself is wrong. */
export function issueText(error: z.ZodError, whole?: string): string {
  return error.issues
    .map(({ path, message }) => {
      const place = path.length > 0 ? path.map(String).join(".") : whole;
      return place === undefined ? message : `${place}: ${message}`;
    })
    .join("; ");
}
