import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commandIn, jsonOf, paintPhotos } from "./evergreen.ts";

const place = mkdtempSync(join(tmpdir(), "new-commands-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const evergreen = commandIn(place);
const json = jsonOf(evergreen);

interface Plan {
  readonly steps: number;
  readonly tasks: readonly { readonly steps: number }[];
  readonly step: { readonly agrees: boolean };
}

const train = ["--set", "budget.per_task=2 steps", "--set", "eval.suite=[folder:./photos?test=0.3, folder:./more?test=1&role=eval]"];

beforeAll(async () => {
  await paintPhotos(join(place, "photos"), { red: 200, blue: 10, green: 90 }, 10);
  await paintPhotos(join(place, "more"), { red: 240, violet: 120 }, 10);
  writeFileSync(join(place, "empty.json"), "[]");
  expect(evergreen("init", "--from", "photos", "--model", "preset:mini-flux-base", "--test", "0.3").exit).toBe(0);
});

describe("stream", () => {
  test("build, show, diff, append, check: a stream's file says the same to each", () => {
    const built = json<{ digest: string; tasks: number }>("stream", "build", "--from", "photos", "--out", "a.json");
    expect(built).toMatchObject({ tasks: 1, concepts: 3, samples: 30 });
    const again = ["stream", "build", "--from", "photos", "--order", "random", "--seed", "1", "--tasks", "2", "--out"];
    const [b, c] = ["b.json", "c.json"].map((file) => json<{ digest: string }>(...again, file).digest);
    expect([b, b === built.digest]).toEqual([c, false]);
    expect(json("stream", "show", "b.json")).toMatchObject({ concepts: 3, dataSets: 1, order: "random", seed: 1, digest: b });
    expect(evergreen("stream", "diff", "b.json", "c.json").out).toBe("no difference\n");

    expect(evergreen("stream", "append", "b.json", "--from", "more", "--out", "d.json").exit).toBe(0);
    const { tasks, ...shown } = json<{ parent: string; tasks: readonly object[] }>("stream", "show", "d.json");
    expect(shown.parent).toBe(b);
    expect(tasks).toHaveLength(3);
    expect(tasks[2]).toEqual({ task: 3, concepts: 2, samples: 20, sets: { more: 2 } });
    expect(json("stream", "diff", "b.json", "d.json")).toMatchObject({ added: ["more/red", "more/violet"], removed: [], moved: [] });

    expect(evergreen("stream", "check", "d.json")).toEqual({ exit: 0, out: "5 concepts in 3 tasks\n", err: "no problems\n" });
    rmSync(join(place, "more", "violet", "0.png"));
    expect(evergreen("stream", "check", "d.json", "-q")).toEqual({
      exit: 4,
      out: expect.stringContaining("more/violet: 9 training samples, 10 when the stream was built") as string,
      err: "",
    });
  });

  test("score writes what an order needs, and without it the order says how to make it", () => {
    const order = ["stream", "build", "--from", "photos", "--order", "frequency", "--out", "f.json"];
    const refused = evergreen(...order);
    expect([refused.exit, refused.err]).toEqual([3, expect.stringContaining("evergreen stream score --captions SOURCE")]);
    writeFileSync(join(place, "counts.tsv"), "red\t5\nblue\t70\ngreen\t1\n");
    expect(json("stream", "score", "--from", "photos", "--counts", "counts.tsv", "--out", "s.safetensors")).toMatchObject({
      concepts: 3,
      scores: ["frequency"],
    });
    expect(evergreen(...order, "--scores", "s.safetensors").exit).toBe(0);
    const { tasks } = JSON.parse(readFileSync(join(place, "f.json"), "utf8")) as {
      readonly tasks: readonly { readonly concepts: readonly { readonly id: string }[] }[];
    };
    expect(tasks.flatMap(({ concepts }) => concepts.map(({ id }) => id))).toEqual(["photos/green", "photos/red", "photos/blue"]);
  });

  test("a list is read back by build, and says so", () => {
    const list = evergreen("stream", "build", "--from", "photos", "--as", "list", "--out", "list.json");
    expect([list.exit, list.err]).toEqual([0, expect.stringContaining("stream build --from SOURCE --list list.json")]);
    const taken = json<{ concepts: number }>("stream", "build", "--from", "photos", "--list", "list.json", "--out", "e.json");
    expect(taken.concepts).toBe(3);
  });
});

test.each([
  [2, ["plan", "-C", "preset:dmo"], "did you mean: preset:demo"],
  [2, ["plan", "--price", "3"], "add --calibrate"],
  [3, ["plan", "-C", "nothing.yaml"], "check the name of the file"],
  [3, ["schedule", "show", "--set", "optim.lr=x"], "at --set optim.lr=x"],
  [2, ["schedule", "shwo"], "did you mean: evergreen schedule show"],
  [2, ["schedule", "show", "--out", "x.png"], "end it in .svg"],
  [2, ["stream", "build", "--from", "photos"], "--out FILE.json"],
  [2, ["stream", "build", "--from", "photos", "--out", "x.json", "--tasks", "0"], "as --tasks 1"],
  [3, ["stream", "build", "--from", "photos", "--out", "x.json", "--tasks", "99"], "at most 3"],
  [3, ["stream", "build", "--from", "photos", "--out", "x.json", "--order", "frequenzy"], "frequency"],
  [4, ["stream", "build", "--from", "nothing", "--out", "x.json"], "there is no such file or folder"],
  [4, ["stream", "score", "--from", "photos", "--out", "x.safetensors", "--counts", "no.tsv"], "a TSV file"],
  [5, ["stream", "score", "--from", "photos", "--out", "no/x.safetensors", "--captions", "photos"], "make its folder first"],
  [3, ["stream", "append", "list.json", "--from", "more"], "--list list.json"],
  [3, ["stream", "show", "empty.json"], "give a stream's file that lists some"],
  [2, ["stream", "diff", "a.json"], "usage: evergreen stream diff A B"],
  [3, ["stream", "show", "evergreen.yaml"], "give a stream's file"],
  [2, ["figure", "trajectry", "nobody"], "did you mean: trajectory"],
  [2, ["figure", "loss", "nobody", "--out", "x.gif"], "end the name in one of them"],
  [2, ["compare", "nobody"], "usage: evergreen compare"],
  [2, ["compare", "a", "b", "--fail-on", "x"], "as --fail-on 'zs<-1'"],
  [2, ["eval", "nobody", "--assert", "zs"], "as --assert 'zs>=65'"],
  [2, ["compare", "nobody", "nobody"], "list them with: evergreen ls"],
] as const)("exit %i of evergreen %j says how to mend it", (exit, argv, fix) => {
  const ended = evergreen(...argv);
  expect(ended).toMatchObject({ exit, out: "", err: expect.stringContaining(fix) as string });
  expect(["x.json", "x.png", "x.safetensors", "x.gif"].filter((file) => existsSync(join(place, file)))).toEqual([]);
});

/** Plan and schedule of a run file, which must agree on its steps. */
function planned(...argv: string[]): Plan {
  const plan = json<Plan>("plan", ...argv);
  const shown = json<{ tasks: readonly { steps: number; rates: readonly number[] }[] }>("schedule", "show", ...argv);
  expect(plan.step.agrees).toBe(true);
  expect(shown.tasks.map(({ steps }) => steps)).toEqual(plan.tasks.map(({ steps }) => steps));
  expect(shown.tasks.reduce((sum, { rates }) => sum + rates.length, 0)).toBe(plan.steps);
  return plan;
}

test("plan and schedule show tell the steps of a run before it runs, and write nothing", () => {
  writeFileSync(join(place, "one.yaml"), "extends: [./evergreen.yaml]\nstream: {tasks: 1}\nbudget: {per_task: 7 steps}\n");
  const three = planned();
  expect([three.tasks.length, planned("-C", "one.yaml").steps]).toEqual([3, 7]);
  const both = evergreen("plan", "evergreen.yaml", "one.yaml").out;
  expect(both).toMatch(
    new RegExp(`^\\tevergreen.yaml\\tone.yaml\\nmodel\\tmini-flux\\tmini-flux\\n[^]*\\ntasks\\t3\\t1\\nsteps\\t${three.steps}\\t7\\n`),
  );
  expect(evergreen("schedule", "show", "--out", "rate.svg").exit).toBe(0);
  expect(readFileSync(join(place, "rate.svg"), "utf8")).toMatch(/^<svg[\s\S]*<\/svg>\s*$/);
  expect(existsSync(join(place, "runs"))).toBe(false);
});

test("the presets are planned where their data is built, and else say how to build it", () => {
  const { exit, err } = evergreen("plan", "-C", "preset:demo");
  if (exit === 0) expect([planned("-C", "preset:demo").steps, planned("-C", "preset:fomo-mini").steps]).toEqual([320, 600]);
  else expect([exit, err]).toEqual([4, expect.stringContaining("run `evergreen data mini-flux`")]);
});

test("a run's figures, a comparison and assertions hold to what the run measured", async () => {
  expect(evergreen("train", "--run", "first", ...train).exit).toBe(0);
  expect(evergreen("figure", "trajectory", "first", "--out", "plane.png").out).toBe(`${join(place, "plane.png")}\n`);
  const { width, height } = await sharp(join(place, "plane.png")).metadata();
  const { channels } = await sharp(join(place, "plane.png")).stats();
  // Drawn at two pixels a point, and not blank.
  expect([width, height].every((side) => side > 600)).toBe(true);
  expect(channels[0]?.stdev).toBeGreaterThan(5);
  const table = json<{ table: { rows: readonly (readonly string[])[] } }>("figure", "trajectory", "first").table;
  const tasks = json<Plan>("plan").tasks.length;
  expect(table.rows.map(([name]) => name)).toEqual(["start", ...Array.from({ length: tasks }, (_, i) => `after task ${i + 1}`)]);
  for (const name of ["matrix", "scores", "mixture", "loss", "schedule"]) expect(evergreen("figure", name, "first").exit).toBe(0);

  const same = json<{ runs: readonly { changes?: { ka: { value: number } } }[]; differences: readonly unknown[] }>(
    "compare",
    "first",
    "first",
  );
  expect([same.runs[1]?.changes?.ka.value, same.differences]).toEqual([0, []]);
  expect(evergreen("compare", "first", "first", "--fail-on", "zs<-1", "-q").exit).toBe(0);
  const asserted = (text: string): number | null => evergreen("eval", "first", "--assert", text).exit;
  expect([asserted("zs>=0"), asserted("zs>=100.1"), asserted("nothing>=1")]).toEqual([0, 8, 2]);

  expect(
    evergreen(
      "train",
      "--run",
      "bare",
      "--set",
      "budget.per_task=1 steps",
      "--set",
      "stream.tasks=1",
      "--set",
      "eval.suite=[folder:./photos?test=0.3]",
    ).exit,
  ).toBe(0);
  expect(evergreen("eval", "bare", "--assert", "zs>=1")).toMatchObject({
    exit: 10,
    err: expect.stringContaining("zs>=1: not measured") as string,
  });
  expect(evergreen("figure", "trajectory", "bare")).toMatchObject({
    exit: 2,
    err: expect.stringContaining("it has: matrix, scores, budget, mixture, loss, schedule") as string,
  });
}, 120_000);
