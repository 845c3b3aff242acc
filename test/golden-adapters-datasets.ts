import { z } from "zod";
import { type RegisteredSet, registry, total } from "../src/data/registry.ts";
import { type Adapter, adapter, type Tree } from "./golden-runner.ts";

/** Rows hold the sum over the registry and what the paper prints; where these are equal the sum answers both, else the registry cannot give the second. */
const sums = (of: () => Tree, isPrinted = false): Adapter => adapter(z.strictObject({}), () => [of(), isPrinted ? of() : undefined]);
const train = ({ samples }: RegisteredSet): number => samples.train;
const test = ({ samples }: RegisteredSet): number => samples.test;
const inPaper = ({ classes }: RegisteredSet): number => classes.paper;

/** Totals of the registry of data sets. */
export const datasetAdapters: ReadonlyMap<string, Adapter> = new Map([
  ["datasets.g1", sums(() => (["adapt", "eval"] as const).map((role) => registry.filter((set) => set.role === role).length), true)],
  ["datasets.g2", sums(() => total(train, "adapt"))],
  ["datasets.g3", sums(() => total(test, "adapt"))],
  ["datasets.g4", sums(() => total(test, "eval"), true)],
  ["datasets.g5", sums(() => total(train, "eval"), true)],
  ["datasets.g6", sums(() => total(inPaper, "adapt"))],
  ["datasets.g7", sums(() => total(inPaper, "eval"), true)],
  ["datasets.g8", sums(() => total(inPaper))],
  ["datasets.g9", sums(() => total(({ classes }) => classes.streamed))],
  ["datasets.g10", sums(() => total(({ classes }) => classes.list, "adapt"))],
  ["datasets.g11", sums(() => total(train, "adapt") + total(test))],
]);
