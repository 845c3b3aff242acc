import { z } from "zod";
import type { ComponentSpec } from "../util/component.ts";
import type { CamelKeys } from "../util/key-case.ts";
import { parseWarmup } from "./spec-values.ts";

/** How long a part of a task is, as files write it. */
export const extent = z
  .union([z.int().min(0), z.string().refine((text) => parseWarmup(text) !== undefined)])
  .describe('a whole number of steps, or a share of the task under 100 % ("10%")');
const warmup = extent.default("10%");
const floor = z.number().min(0).max(1).default(0.001).describe("a number from 0 to 1: what the curve ends at, as a share of the peak");
const rsqrt = {
  warmup,
  cooldown: extent.default("10%"),
  floor,
  cool_from: z.enum(["running", "frozen"]).default("running"),
  end_at: z.enum(["zero", "live"]).default("zero"),
};

/** The `schedule` block of a run file: a schedule of the catalogue by name, with its options. */
export const scheduleSchema = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("constant"), warmup: extent.default(0) }),
  z.strictObject({
    name: z.literal("multistep"),
    milestones: z
      .array(z.int().min(1))
      .default([175_000, 225_000])
      .describe("a list of whole numbers >= 1: samples of a task after which the rate falls"),
    factor: z.number().gt(0).max(1).default(0.1),
  }),
  z.strictObject({ name: z.literal("cosine"), floor }),
  z.strictObject({ name: z.literal("cosine-warmup"), warmup, floor, form: z.enum(["code", "equation"]).default("code") }),
  z.strictObject({ name: z.literal("linear-warmup"), warmup, floor }),
  z.strictObject({ name: z.literal("rsqrt"), ...rsqrt }),
  z.strictObject({
    name: z.literal("wsd"),
    warmup,
    cooldown: extent.default("10%"),
    floor,
    fall: z.enum(["linear", "cosine", "sqrt"]).default("linear"),
  }),
  z.strictObject({ name: z.literal("ar-cosine"), warmup, floor, peak: z.enum(["code", "equation"]).default("code") }),
  z.strictObject({ name: z.literal("cd-cosine"), warmup, floor }),
  z.strictObject({ name: z.literal("ar-rsqrt"), ...rsqrt }),
  z.strictObject({ name: z.literal("peaks-match"), ...rsqrt }),
  z.strictObject({ name: z.literal("cd-rsqrt"), ...rsqrt }),
  z
    .strictObject({
      name: z.literal("infinite"),
      warmup,
      cooldown: extent.default("50%"),
      plateau: z.number().gt(0).max(1).default(0.5),
      anneal: extent.default("10%"),
      floor: z.number().gt(0).max(1).default(0.001),
      resume_from: z.enum(["plateau", "annealed"]).default("plateau"),
    })
    .refine(({ plateau, floor: end }) => end <= plateau, { error: "a number at or below schedule.plateau", path: ["floor"] }),
]);

/** The schedule with its lengths read: below 1 they are shares of a task's steps, else numbers of steps. */
export function scheduleOf(written: CamelKeys<z.output<typeof scheduleSchema>>): ComponentSpec {
  const read = Object.entries(written).map(([option, value]) => [
    option,
    lengths.has(option) && typeof value === "string" ? extentOf(value) : value,
  ]);
  return { ...Object.fromEntries(read), name: written.name };
}

/** A length as the program takes it: below 1 a share, else a number of steps. */
export const extentOf = (written: z.output<typeof extent>): number => (typeof written === "string" ? (parseWarmup(written) ?? 0) : written);

const lengths: ReadonlySet<string> = new Set(["warmup", "cooldown", "anneal"]);
