import { z } from "zod";

const name = z.union([z.string().min(1), z.number(), z.boolean()]);
const cells = z.union([name, z.array(name).min(1)]).describe('a cell as the table names it, several axes as "a, b", or a list of cells');
const than = cells.describe('a cell, a list of cells, or "start": the model before training');

const testSchema = z.strictObject({
  metric: z.string().min(1).optional().describe("ka, zs, gm, ka+zs, distance or the name of a data set"),
  spread: z
    .string()
    .min(1)
    .optional()
    .describe("ka, zs, gm, ka+zs or the name of a data set: how far apart the cells of a group lie in it"),
  of: cells.optional(),
  above: than.optional(),
  below: than.optional(),
  near: than.optional(),
  by: z.number().optional().describe("points of per cent, 0 when absent"),
  within: z.number().positive().optional().describe("points of per cent > 0"),
  at: z
    .union([z.enum(["first", "end", "peak", "lowest"]), z.int().min(1)])
    .optional()
    .describe("first, end, peak, lowest, or after how many tasks"),
  any: z.boolean().optional().describe("true where one pair is enough"),
  oracle: name.optional().describe("the cell of the upper bound, which metric: distance draws its line to"),
  over: cells.optional(),
  with: cells.optional(),
});

/** `claims:` of a sweep's file. */
export const claimsSchema = z.record(
  z.string().min(1),
  z.strictObject({
    says: z.string().min(1).describe("a sentence: what is claimed"),
    source: z.string().min(1).optional().describe("where it was claimed"),
    needs: z.union([testSchema, z.array(testSchema).min(1)]).describe("a test or a list of tests, all of which must hold"),
    note: z.string().min(1).optional().describe("a sentence: what to keep in mind"),
  }),
);
export type ClaimDocument = z.output<typeof claimsSchema>[string];
export type TestDocument = z.output<typeof testSchema>;

type Name = z.output<typeof name>;
/** A cell's name as labels are written. */
export const cellText = (given: Name): string => (typeof given === "string" ? given : JSON.stringify(given));

/** The names of a value that names one cell or a list of them. */
export function namesOf(given: Name | readonly Name[] | undefined): readonly string[] {
  if (given === undefined) return [];
  return (Array.isArray(given) ? given : [given]).map(cellText);
}
