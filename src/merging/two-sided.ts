import { z } from "zod";
import type { MergekitParameters } from "./operator.ts";
import { removedShare } from "./trim.ts";

/** Options of a trim at both ends. */
export const twoSided = {
  remove: z.number().min(0).lt(1).default(0.8).describe("share of the smallest entries to drop"),
  top: z.number().min(0).lt(1).default(0.01).describe("share of the largest entries to drop"),
};

/** The trim at both ends as mergekit tells it: the largest entries stay before less than the share stays. */
export function twoSidedTrim({ density, gamma }: MergekitParameters): Readonly<Record<string, number>> {
  if (density === undefined) return gamma === undefined ? {} : { top: gamma };
  const top = Math.min(gamma ?? 0.01, removedShare(density));
  return { top, remove: removedShare(density, top) };
}

/** Refuses trims that leave nothing. */
export const checkTrims = <S extends z.ZodType<{ readonly remove: number; readonly top: number }, unknown>>(schema: S) =>
  schema.refine(({ remove, top }) => remove + top < 1, { message: "remove and top together must stay below 1", path: ["top"] });
