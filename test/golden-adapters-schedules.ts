import { z } from "zod";
import { pretrainingPeak, rescaledPeak } from "../src/schedules/peak.ts";
import { build, curve } from "./fixtures/schedules/multipliers.ts";
import { type Adapter, adapter, type Tree } from "./golden-runner.ts";

const count = z.int().min(0);

const oneCurve = adapter(z.strictObject({ schedule: z.string(), S: count, W: count, C: count.optional() }), async ({ schedule, S, W, C }) =>
  curve(await build(schedule, { warmup: W, ...(C === undefined ? {} : { cooldown: C }) }), { steps: S }),
);
const curvesNamed = (...names: readonly string[]): Adapter =>
  adapter(z.strictObject({ schedule: z.string(), S: count }), async ({ S }) =>
    Object.fromEntries(await Promise.all(names.map(async (name) => [name, curve(await build(name), { steps: S })] as const))),
  );

const section6 = adapter(
  z.strictObject({ S: count, W: count, C: count, floor: z.number(), steps: z.array(count) }),
  async ({ S, W, C, floor, steps }) => {
    const column = async (name: string, options: object, task: number): Promise<Tree> => {
      const all = curve(await build(name, { floor, ...options }), { steps: S, task });
      return steps.map((step) => all[step]);
    };
    const root = { warmup: W, cooldown: C };
    return {
      cosine: await column("cosine", {}, 0),
      "cosine-warmup": await column("cosine-warmup", { warmup: W }, 0),
      rsqrt: await column("rsqrt", root, 0),
      "ar-cosine t=1": await column("ar-cosine", { warmup: W }, 1),
      "cd-cosine t=1": await column("cd-cosine", { warmup: W }, 1),
      "ar-rsqrt t=1": await column("ar-rsqrt", root, 1),
      "peaks-match t=1": await column("peaks-match", root, 1),
      "cd-rsqrt t=1": await column("cd-rsqrt", root, 1),
    };
  },
);
const equation = adapter(z.strictObject({ S: count, steps: z.array(count) }), async ({ S, steps }) => {
  const all = curve(await build("cosine-warmup", { form: "equation" }), { steps: S });
  return steps.map((step) => all[step]);
});

// Rows of the page whose values stand in prose: the parameters are those of the statement, and the prose is written from what the product gives.

const nothing = z.strictObject({});
/** `.800200` */
const printed = (value: number | undefined): string => (value ?? Number.NaN).toFixed(6).replace(/^0/, "");
const wsd = async (fall: string): Promise<number[]> => curve(await build("wsd", { warmup: 0.1, cooldown: 5, fall }), { steps: 20 });
const wsdWhole = adapter(nothing, async () => {
  const got = await wsd("linear");
  const plateau = [...new Set(got.slice(1, 15))].join(", ");
  return [got[0], `then ${plateau} for s = 1…14`, `then ${printed(got[15])}`, ...got.slice(16)];
});
const wsdEnd = (fall: string): Adapter =>
  adapter(nothing, async () => {
    const got = (await wsd(fall)).slice(-5);
    return [`last five ${printed(got[0])}`, ...got.slice(1)];
  });
const infinite = { warmup: 2, cooldown: 6, plateau: 0.5, anneal: 4 };
const infiniteStart = adapter(nothing, async () => {
  const got = curve(await build("infinite", infinite), { steps: 40 });
  const rest = got.slice(9, 36);
  return [...got.slice(0, 9), rest.every((value) => value === got[8]) ? "…" : `then ${rest.join(" ")}`];
});
const anneal = adapter(nothing, async () => curve(await build("infinite", infinite), { steps: 40 }).slice(-4));
const rescaled = adapter(nothing, () => (["linear", "square-root"] as const).map((rule) => rescaledPeak(pretrainingPeak, 512, rule)));

/** Product code of the rows of the page on schedules. */
export const scheduleAdapters: readonly (readonly [string, Adapter])[] = [
  ...["g1", "g2", "g3", "g4", "g5", "g6"].map((row) => [`schedules.${row}`, oneCurve] as const),
  ["schedules.g7", curvesNamed("cosine-warmup", "linear-warmup", "rsqrt", "wsd")],
  ["schedules.g8", curvesNamed("cosine-warmup", "rsqrt")],
  ["schedules.g9", curvesNamed("cosine-warmup", "rsqrt")],
  ["schedules.g10", wsdWhole],
  ["schedules.g11", wsdEnd("cosine")],
  ["schedules.g12", wsdEnd("sqrt")],
  ["schedules.g13", infiniteStart],
  ["schedules.g14", anneal],
  ["schedules.g15", rescaled],
  ["schedules.section6", section6],
  ["schedules.section2.equation", equation],
];
