import { z } from "zod";
import type { MixtureCourse } from "../mixtures/course.ts";
import type { Mixture } from "../mixtures/mixture.ts";
import { type MixtureName, mixtureNames, mixturePresets } from "../mixtures/presets.ts";
import type { ConfigPath } from "../util/config-tree.ts";
import type { CamelKeys } from "../util/key-case.ts";
import { extent, extentOf } from "./spec-schedule.ts";

const share = z.number().min(0).max(1).default(0);
const shares = z.strictObject({ update: share, buffer: share, pretraining: share });
const name = z.enum(mixtureNames as readonly [MixtureName, ...MixtureName[]]);
const phase = z.strictObject({
  task: z.int().min(1).default(1).describe("a whole number >= 1: the task from which on it holds"),
  from: extent.default(0).describe('a whole number of steps, or a share of the task under 100 % ("75%"): where in each task it begins'),
  shares: z.union([name, shares]),
});

const phases = z
  .array(phase)
  .min(1)
  .check((context) => {
    context.value.forEach(({ task, from }, i) => {
      const before = context.value[i - 1];
      const begins = before?.task !== task;
      const refuse = (key: "task" | "from", message: string): void => {
        context.issues.push({ code: "custom", message, path: [i, key], input: context.value });
      };
      if (!before && task !== 1) refuse("task", "1: a run begins with its first task");
      if (before && task < before.task) refuse("task", `a whole number >= ${before.task}: phases stand in the order of their tasks`);
      if (begins && extentOf(from) !== 0) refuse("from", "0: the first phase of a task begins with it");
      if (!begins && typeof from === typeof before.from && extentOf(from) <= extentOf(before.from))
        refuse("from", `more than ${before.from}: phases of a task stand in the order of their steps`);
    });
  });

/** The `data.mixture` of a run file: a name, shares, or phases of them. */
export const mixtureSchema = z.union([name, shares, phases]).default("reference");
type Written = CamelKeys<z.output<typeof mixtureSchema>>;

/** The mixture as a course, its names looked up. */
export function courseOf(written: Written): MixtureCourse {
  if (!Array.isArray(written)) return [{ task: 0, from: 0, shares: sharesOf(written as WrittenShares) }];
  const listed = written as readonly z.output<typeof phase>[];
  return listed.map((each) => ({ task: each.task - 1, from: extentOf(each.from), shares: sharesOf(each.shares) }));
}

type WrittenShares = z.output<typeof phase>["shares"];

const sharesOf = (written: WrittenShares): Mixture => (typeof written === "string" ? mixturePresets[written] : written);

/** Shares where a file writes them, looked up where they are a name; a value of a wrong shape gives undefined shares. */
export function sharesIn(written: unknown): readonly { readonly path: ConfigPath; readonly shares: Readonly<Partial<Mixture>> }[] {
  if (Array.isArray(written))
    return written.flatMap((each, i) =>
      sharesIn((each as { shares?: unknown } | null)?.shares).map(({ shares: of, path }) => ({ path: [i, "shares", ...path], shares: of })),
    );
  if (typeof written === "string") return written in mixturePresets ? [{ path: [], shares: mixturePresets[written as MixtureName] }] : [];
  return written !== null && typeof written === "object" ? [{ path: [], shares: written }] : [];
}
