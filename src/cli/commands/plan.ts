import type { ForecastOptions, RunForecast } from "../../pipeline/plan-run.ts";
import { presetFolder } from "../../pipeline/preset-folder.ts";
import { readSpec } from "../../runs/spec.ts";
import { exitCodes, UsageError } from "../../util/errors.ts";
import { parse, runFileFlags, storeFlags } from "../command.ts";
import { oracleFlag, withOracle } from "../oracle-flag.ts";
import { aside, sayJson } from "../output.ts";
import { runFiles, runsRoot } from "../places.ts";
import { tellPlans } from "../print-plan.ts";

export const usage = {
  synopsis: "plan -C FILE | FILE FILE … [--calibrate] [--price N]",
  about: [
    "What a run will take before it takes it: tasks, steps, FLOPs, memory, disk. Reads no image and writes nothing. Without -C: ./evergreen.yaml; several files without -C stand side by side.",
    "--calibrate loads the weights, runs 20 steps on the run's own images and says how long all will take.",
  ].join("\n"),
  flags: {
    ...runFileFlags,
    ...oracleFlag,
    runs: storeFlags.runs,
    calibrate: { type: "boolean", help: "run 20 steps and tell the time" },
    price: { type: "string", value: "N", help: "price of an hour, with --calibrate" },
  },
  arguments: [0, 8],
} as const;

/** `evergreen plan`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags, rest } = parsed;
  const runs = rest.length > 0 ? rest.map((file) => runFiles([...(flags.config ?? []), file])) : [runFiles(flags.config)];
  const options: Omit<ForecastOptions, "folder"> = {
    env: process.env,
    runs: runsRoot(flags.runs),
    calibrate: flags.calibrate === true,
    ...(flags.price === undefined ? {} : { price: priceOf(flags.price, flags.calibrate === true) }),
  };
  const base = { set: flags.set ?? [], env: process.env, cwd: process.cwd(), presets: presetFolder };
  const specs = await Promise.all(runs.map(async (files) => readSpec(await withOracle({ files, ...base }, flags))));
  const { forecastRun } = await import("../../pipeline/plan-run.ts");
  const { checkParts } = await import("../../pipeline/check-parts.ts");
  const forecasts: RunForecast[] = [];
  for (const parsed of specs) {
    await checkParts(parsed);
    const { spec } = parsed;
    if (flags.calibrate && !flags.quiet && !flags.json) aside(`running 20 steps of ${spec.name}`);
    forecasts.push(await forecastRun(spec, { ...options, folder: process.cwd() }));
  }
  if (flags.json) sayJson(rest.length > 0 ? forecasts : forecasts[0]);
  else tellPlans(forecasts, rest.length > 0 ? rest : undefined);
  return exitCodes.done;
}

function priceOf(text: string, calibrates: boolean): number {
  const price = Number(text);
  if (text.trim() === "" || !Number.isFinite(price) || price < 0)
    throw new UsageError(`--price ${text}: expected a number >= 0`, "as --price 2.5");
  if (!calibrates) throw new UsageError("--price without --calibrate: the time is not known", "add --calibrate");
  return price;
}
