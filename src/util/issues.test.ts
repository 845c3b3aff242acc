import { expect, test } from "vitest";
import { z } from "zod";
import { issueText } from "./issues.ts";

const schema = z.strictObject({ layers: z.array(z.object({ width: z.number() })) });
const told = (value: unknown, whole?: string): string => issueText(schema.safeParse(value).error ?? new z.ZodError([]), whole);

test("each issue stands behind the place it was found at; the whole has a name only where it is given", () => {
  expect(told({ layers: [{ width: "x" }, { width: 1 }] })).toMatch(/^layers\.0\.width: [^;]+$/);
  expect(told({ layers: [{}, {}] })).toMatch(/^layers\.0\.width: [^;]+; layers\.1\.width: [^;]+$/);
  expect(told(3)).not.toMatch(/^undefined|^:/);
  expect(told(3, "model_cfg")).toMatch(/^model_cfg: /);
});
