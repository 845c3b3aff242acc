import { z } from "zod";
import { peakRules, pretrainingPeak, rescaledPeak } from "../schedules/peak.ts";

const number = z.number().min(0);
const rescaled = z.strictObject({
  rule: z.enum(peakRules),
  rate: number
    .default(pretrainingPeak.rate)
    .describe("a number >= 0: the peak rate that is known to work; that of OpenCLIP's pretraining when absent"),
  batch_size: z.int().min(1).default(pretrainingPeak.batchSize).describe("a whole number >= 1: the batch that it worked with"),
});

/** The `optim.lr` of a run file: a peak rate, or one that is rescaled to the run's batch. */
export const rateSchema = z.union([number, rescaled]).default(1e-5);

type Written = number | { readonly rule: z.output<typeof rescaled>["rule"]; readonly rate: number; readonly batchSize: number };

/** The peak rate at the run's batch size. */
export function rateOf(written: Written, batchSize: number): number {
  return typeof written === "number" ? written : rescaledPeak(written, batchSize, written.rule);
}

/** An optimiser's settings with the rate worked out. */
export type WithRate<Settings> = Settings extends { readonly lr: unknown } ? Omit<Settings, "lr"> & { readonly lr: number } : never;
