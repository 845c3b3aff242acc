import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as merge from "../../src/cli/commands/merge.ts";
import * as show from "../../src/cli/commands/show.ts";
import { findModelFile } from "../../src/cli/model-reference.ts";
import { scoreModel } from "../../src/cli/score-model.ts";
import type { Scores } from "../../src/runs/event.ts";
import type { LineageGraph } from "../../src/runs/lineage.ts";
import { captured } from "../fixtures/cli/captured.ts";
import { commandIn, paintPhotos } from "./evergreen.ts";

const place = mkdtempSync(join(tmpdir(), "merge sweep "));
afterAll(() => rmSync(place, { recursive: true, force: true }));
const runs = join(place, "runs");
const sets = [`folder:${join(place, "photos")}?test=0.3`, `folder:${join(place, "held")}?test=1&role=eval`];

beforeAll(async () => {
  await paintPhotos(join(place, "photos"), { red: 200, blue: 10, green: 90 }, 12);
  await paintPhotos(join(place, "held"), { bright: 230, dark: 20 }, 20);
  const evergreen = commandIn(place);
  expect(evergreen("init", "--from", "photos", "--model", "preset:mini-flux-base", "--test", "0.3").exit).toBe(0);
  const settings = [
    `eval.suite=[${sets.map((set) => JSON.stringify(set)).join(", ")}]`,
    "eval.during.every=never",
    "stream.tasks=2",
    "budget.per_task=3 steps",
    "data.batch_size=8",
    "optim.lr=1e-3",
    "schedule.warmup=0%",
    "methods=[{name: temporal-merging, weight: 0.5}]",
  ];
  const { exit, err } = evergreen("train", "--run", "a", ...settings.flatMap((each) => ["--set", each]));
  expect([exit, err]).toEqual([0, expect.any(String)]);
}, 240_000);

type Triple = Readonly<Record<"ka" | "zs" | "gm", number | undefined>>;
interface Sweep {
  readonly points: readonly { readonly weight: number; readonly isKnown: boolean; readonly scores: Scores }[];
  readonly keep: number | null;
  readonly sentence: string;
  readonly command: string | null;
}
const tripleOf = ({ ka, zs, gm }: Scores): Triple => ({ ka: ka?.value, zs: zs?.value, gm: gm?.value });
const evergreen = (...argv: string[]) => captured(merge, ...argv, "--runs", runs);
const sweep = async (...argv: string[]): Promise<Sweep> => JSON.parse((await evergreen("sweep", "a", ...argv, "--json")).out) as Sweep;
const triplesOf = ({ points }: Sweep) => points.map(({ weight, scores }) => [weight, tripleOf(scores)] as const);

/** What `evergreen eval` gives for a model on the same sets. */
async function scoresOf(reference: string): Promise<Triple> {
  const { scores } = await scoreModel({
    model: findModelFile(reference, runs),
    suite: sets,
    from: sets.slice(0, 1),
    batchSize: 128,
    precision: "fp32",
    templates: "single",
    onSet: () => undefined,
  });
  return tripleOf(scores);
}

test("points are what the merges of the printed command score, and are scored once", async () => {
  const argv = ["--weight", "0:1:0.5", "--floor", "-100"];
  const first = await sweep(...argv, "--figure", join(place, "curve.svg"));
  expect(first.points.map(({ isKnown }) => isKnown)).toEqual([false, false, false]);
  expect(first.command).toMatch(
    /evergreen merge preset:mini-flux-base a@t0002-s00000006 --weights [\d.]+,[\d.]+ --runs '.*' --out merged$/,
  );
  const half = join(place, "half.safetensors");
  expect((await evergreen("preset:mini-flux-base", "a@t0002-s00000006", "--weights", "0.5,0.5", "--out", half)).exit).toBe(0);
  expect(triplesOf(first)).toEqual([
    [0, await scoresOf("a")],
    [0.5, await scoresOf(half)],
    [1, await scoresOf("preset:mini-flux-base")],
  ]);
  expect(first.points.find(({ weight }) => weight === first.keep)?.scores.ka?.value).toBe(
    Math.max(...first.points.map(({ scores }) => scores.ka?.value ?? 0)),
  );
  expect(readFileSync(join(place, "curve.svg"), "utf8")).toMatch(/^<svg xmlns.*share of the old weights/s);
  const again = await sweep("--weight", "0,0.5", "--floor", "100");
  expect(again.points.map(({ isKnown }) => isKnown)).toEqual([true, true, true]);
  expect(triplesOf(again)).toEqual(triplesOf(first));
  expect([again.keep, again.command, again.sentence]).toEqual([
    null,
    null,
    expect.stringContaining("No weight holds ZS at or above 100.0 %"),
  ]);
}, 120_000);

test("the last expert is folded anew: the run's own weight gives what it shipped, 1 what came before", async () => {
  const folds = await sweep("--unfold", "--weight", "0,0.5");
  expect(triplesOf(folds).slice(1)).toEqual([
    [0.5, await scoresOf("a")],
    [1, await scoresOf("a@t0001")],
  ]);
  expect(folds.points[0]?.isKnown).toBe(false);
  const { out } = await evergreen("sweep", "a", "--from", "previous", "--weight", "0.5,1", "--floor", "-100");
  expect(out).toMatch(
    /^old share\tKA, %\tZS, %\tGM, %\t\n0.5\t.*\n1\t.*\n\nKeep .* of the old weights: KA .*\n.*evergreen merge a@t0001-s00000003 a@t0002-s00000006 --weights /,
  );
}, 120_000);

test("the run tells of every set of weights how it came about, and of merges how far they led", async () => {
  const { exit, out, failure } = await captured(show, "a", "--lineage", "--json", "--runs", runs);
  expect(exit, failure).toBe(0);
  const { nodes, deployed } = JSON.parse(out) as LineageGraph;
  expect(nodes.map(({ name, by }) => [name, by])).toEqual([
    ["theta0", "the run's start"],
    ["task-1", "training"],
    ["unrolled-1", "linear"],
    ["task-2", "training"],
    ["unrolled-2", "linear"],
  ]);
  expect(deployed).toEqual(["unrolled-1", "unrolled-2"]);
  const [first, second] = nodes.map(({ towers }) => towers).filter((towers) => towers !== undefined);
  // Half of what the first expert moved.
  expect(first?.image).toEqual({ distance: expect.any(Number), growth: expect.closeTo(0.5, 3) });
  expect(second?.text).toEqual({ distance: expect.any(Number), growth: expect.any(Number), cosine: expect.any(Number) });
});
