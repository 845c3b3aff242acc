import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkParts } from "../../src/pipeline/check-parts.ts";
import { presetFolder } from "../../src/pipeline/preset-folder.ts";
import { checkpointName, verifyCheckpoint } from "../../src/runs/checkpoint.ts";
import type { RunEvent } from "../../src/runs/event.ts";
import { RunReader } from "../../src/runs/run-reader.ts";
import { readRunSpec } from "../../src/runs/run-spec.ts";
import { readSpec } from "../../src/runs/spec.ts";
import { folderOf, resume, train } from "./attempts.ts";
import { makeWorld, request, type World } from "./world.ts";

// A run with a part of the user's own: it trains and goes on as any other, and notices when the part's code is another.

const examples = fileURLToPath(new URL("../../examples/parts/", import.meta.url));
const small = ["stream.tasks=2", "budget.per_task=2 steps", "checkpoint.every=never", "eval.suite=none"];
const set = [...small, "plugins=[./parts]", "methods=[{name: loosening-spring, stiffness: 10}]"];
let world: World;
let file: string;
beforeAll(async () => {
  world = await makeWorld();
  cpSync(join(examples, "methods"), join(world.folder, "parts/methods"), { recursive: true });
  file = join(world.folder, "parts/methods/loosening-spring.mjs");
});
afterAll(() => world.remove());

const stopAfterThird = { stopAfter: (event: RunEvent) => event.type === "step" && event.step === 3 };
const change = (comment: string): void => writeFileSync(file, `${readFileSync(file, "utf8").split("\n// now ")[0]}\n// now ${comment}\n`);
function end(id: string) {
  const reader = new RunReader(folderOf(world, id));
  const last = verifyCheckpoint(reader.folder, checkpointName(2, 4));
  if ("reason" in last) throw new Error(last.reason);
  return { state: reader.record().state, ...reader.digests(), weights: last.manifest.files["model.safetensors"]?.sha256 };
}

test("it trains, stops and goes on to the same bits, whatever parts it does not use lie beside; the run keeps where the part lies and its digest", async () => {
  await train(world, "plain", { set: small });
  await train(world, "whole", { set });
  await train(world, "stopped", { set, ...stopAfterThird });
  expect(new RunReader(folderOf(world, "stopped")).record().state).toBe("preempted");
  mkdirSync(join(world.folder, "parts/schedules"), { recursive: true });
  writeFileSync(join(world.folder, "parts/schedules/unused.mjs"), "export default {};\n");
  await resume(world, "stopped");
  expect(end("stopped")).toEqual(end("whole"));
  expect(end("whole").weights).not.toBe(end("plain").weights);
  const reader = new RunReader(folderOf(world, "whole"));
  expect(reader.plan().plugins).toEqual({ "method loosening-spring": expect.stringMatching(/^[0-9a-f]{16}$/) });
  expect(new RunReader(folderOf(world, "plain")).plan()).not.toHaveProperty("plugins");
  expect(readFileSync(join(reader.folder, "config.yaml"), "utf8")).toContain("plugins:\n  - ../../../parts\n");
});

test("a run that was moved without its parts finds them where they lay; where its own path leads to some, it takes those", async () => {
  const places = (folder: string) => readRunSpec(folder, { env: {}, presets: presetFolder }).spec.plugins;
  const stored = folderOf(world, "whole");
  const own = join(world.folder, "parts");
  expect(places(stored)).toEqual([own]);
  const moved = join(world.folder, "elsewhere/runs/p/whole");
  cpSync(stored, moved, { recursive: true });
  expect(places(moved)).toEqual([own]);
  mkdirSync(join(world.folder, "elsewhere/parts"));
  expect(places(moved)).toEqual([join(world.folder, "elsewhere/parts")]);
});

test("a part that changed stops a resume, which --allow code lets go on", async () => {
  await train(world, "changed", { set, ...stopAfterThird });
  change("another version");
  await expect(resume(world, "changed")).rejects.toThrow(
    /resume would not be exact: code plugins\.method loosening-spring: was "[0-9a-f]{16}", is "/,
  );
  const { events } = await resume(world, "changed", { allow: ["code"] });
  expect(events[0]).toMatchObject({ type: "resumed", exact: false, allowed: ["code"] });
});

test("tasks and evaluations are shared with runs of the same version of a part alone", async () => {
  const kinds = async (id: string): Promise<readonly string[]> => {
    const { events } = await train(world, id, { set: [...set, "eval.suite=auto"], share: true });
    return [...new Set(events.flatMap((event) => (event.type === "shared" ? [`${event.what} ${event.role}`] : [])))].sort();
  };
  change("a second version");
  expect(await kinds("shares")).toEqual(["evaluation kept", "task kept"]);
  expect(await kinds("takes")).toEqual(["evaluation taken", "task taken"]);
  change("a third version");
  expect(await kinds("learns")).toEqual(["evaluation kept", "task kept"]);
});

test("a run takes a part of each kind of the user's own, and its plan has the digest of every one", async () => {
  cpSync(examples, join(world.folder, "all"), { recursive: true });
  await oneHotTable(join(world.folder, "photos"));
  const parts = [
    "stream.from='one-hot-csv:./photos/labels.csv?test=0.3'",
    "stream.order=largest-first",
    "methods=[{name: loosening-spring}, {name: temporal-merging, operator: coordinate-median, modifier: last-blocks}]",
    "optim={name: signum, lr: 1e-4, wd: 0.1, momentum: 0.8}",
    "schedule={name: slanted-triangle, rise: 0.5}",
    "loss={name: decoupled}",
    "data.buffer={name: ring-per-concept, each: 2}",
    "data.augment={name: mirrored-crop, mirror: 0.25}",
    "eval.suite=auto",
    "eval.evaluator=nearest-mean",
  ];
  const { events } = await train(world, "all", { set: [...small, "plugins=[./all]", ...parts] });
  const plan = new RunReader(folderOf(world, "all")).plan();
  expect(Object.keys(plan.plugins ?? {})).toEqual(
    [
      ["method", "loosening-spring"],
      ["operator", "coordinate-median"],
      ["modifier", "last-blocks"],
      ["ordering", "largest-first"],
      ["buffer", "ring-per-concept"],
      ["schedule", "slanted-triangle"],
      ["optimizer", "signum"],
      ["objective", "decoupled"],
      ["source", "one-hot-csv"],
      ["augment", "mirrored-crop"],
      ["evaluator", "nearest-mean"],
    ].map((part) => part.join(" ")),
  );
  expect(new RunReader(folderOf(world, "all")).record().state).toBe("done");
  const evaluated = events.flatMap((event) => (event.type === "evaluated" ? [event.evaluator] : []));
  expect([evaluated.length > 1, new Set(evaluated)]).toEqual([true, new Set(["nearest-mean"])]);
});

/** What lies in a folder's training classes, as a table of one column a class. */
async function oneHotTable(folder: string): Promise<void> {
  const kinds = readdirSync(join(folder, "train")).sort();
  const rows = kinds.flatMap((kind) =>
    readdirSync(join(folder, "train", kind)).map((file) => `train/${kind}/${file},${kinds.map((each) => Number(each === kind)).join(",")}`),
  );
  writeFileSync(join(folder, "labels.csv"), `image,${kinds.join(",")}\n${rows.join("\n")}\n`);
}

test("what is wrong is told at its place: a folder, a name, an option", async () => {
  const problem = (...given: readonly string[]) => checkParts(readSpec(request(world, given)));
  await expect(problem("plugins=[./nowhere]")).rejects.toThrow(/plugins: .*nowhere cannot be read \(ENOENT\)/);
  await expect(problem("plugins=[./nowhere]")).rejects.toMatchObject({ code: "EG-3160" });
  await expect(problem("plugins=[./photos]")).rejects.toThrow(/photos holds no parts; expected sub-folders of methods\/, operators\/,/);
  await expect(problem("plugins=[./parts]", "methods=[{name: losening-spring}]")).rejects.toThrow(
    /unknown method "losening-spring"; known: .*loosening-spring/,
  );
  await expect(problem("plugins=[./parts]", "methods=[{name: loosening-spring, stifness: 1}]")).rejects.toThrow(/methods\[0\].*stifness/);
  await expect(problem("plugins=[./parts]", "schedule={name: slanted-tringle}")).rejects.toThrow(
    /schedule: unknown schedule "slanted-tringle"/,
  );
  await expect(problem("plugins=[./all]", "schedule={name: slanted-triangle, rises: 1}")).rejects.toThrow(/schedule\.rises: unknown key/);
  await expect(problem("plugins=[./all]", "optim={name: signum, lr: 1, beta: 1}")).rejects.toThrow(/optim\.beta: unknown key/);
  expect(() => readSpec(request(world, ["plugins=[./all]", "loss={name: decoupled, sharp: 1}"]))).toThrow(/loss\.sharp/);
  expect(() => readSpec(request(world, ["schedule={name: slanted-triangle}"]))).toThrow(/schedule/);
  expect(() => readSpec(request(world, ["plugins=[parts]"]))).toThrow(/plugins\[0\].*a folder, as \.\/my-parts/);
  await expect(problem("methods=[{name: loosening-spring}]")).rejects.toThrow(/unknown method "loosening-spring"/);
});
