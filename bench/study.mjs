#!/usr/bin/env node
// Twelve merges over time that start every task from the first weights, with work shared between the runs and without: node bench/study.mjs [--tasks 10] [--steps 60] [--operators linear,ties,…] [--set KEY=VALUE …] [--folder FOLDER] [--out FILE]
// The two take turns, run by run, each run a process of its own with its evaluations; final weights and outcomes must be the same bits. Needs dist/, the engine and the embedded benchmark.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readOptions } from "./options.mjs";

/** Operators that merge a pair without statistics of the experts and without counting the first weights as one, with what keeps their merges from growing. */
const operators = {
  linear: {},
  multislerp: {},
  "task-arithmetic": { lambda: "mean" },
  ties: { lambda: "mean" },
  dare: { lambda: "mean" },
  "dare-ties": { lambda: "mean" },
  breadcrumbs: { lambda: "mean" },
  "breadcrumbs-ties": { lambda: "mean" },
  magmax: { lambda: 0.5 },
  random: { lambda: "mean" },
  "tall-masks": { lambda: "mean" },
  iso: {},
};
const atLeast = 8;

const options = readOptions(import.meta.url, {
  tasks: { type: "string", default: "10" },
  steps: { type: "string", default: "60" },
  operators: { type: "string", default: Object.keys(operators).join(",") },
  set: { type: "string", multiple: true, default: [] },
  folder: { type: "string" },
  out: { type: "string" },
});
const asked = options.operators.split(",");
const unknown = asked.find((name) => !Object.hasOwn(operators, name));
if (unknown) throw new Error(`unknown operator ${unknown}; known: ${Object.keys(operators).join(", ")}`);

const say = (text) => process.stderr.write(`${text}\n`);
const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const scratch = mkdtempSync(join(options.folder ?? tmpdir(), "evergreen-study-"));
const project = "study";
const ways = { alone: [], shared: ["--share"] };

/** Trains and evaluates one run from its start; seconds from its process's start to its end. */
function train(operator, way) {
  const method = {
    name: "temporal-merging",
    start: "zs",
    deploy: "unrolled",
    weight: 0.9,
    // A chain of DARE loses what went into it.
    guard: "warn",
    operator: { name: operator, ...operators[operator] },
  };
  const set = [
    `project=${project}`,
    `stream.tasks=${options.tasks}`,
    `budget.per_task=${options.steps} steps`,
    `methods=${JSON.stringify([method])}`,
    "checkpoint.keep_last=1",
    // As studies/merging-over-time.yaml: the start and the end are evaluated, whole.
    "eval.during={every: never}",
    ...options.set,
  ];
  const place = ["--run", operator, "--runs", join(scratch, way)];
  const args = [main, "train", "-C", "preset:fomo-mini", ...place, ...ways[way], ...set.flatMap((each) => ["--set", each])];
  const began = performance.now();
  execFileSync(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  return (performance.now() - began) / 1000;
}

/** Digests of what a run ships at its end and of every outcome that it counted. */
function digests(operator, way) {
  const run = join(scratch, way, project, operator);
  const checkpoint = readdirSync(join(run, "checkpoints")).sort().at(-1);
  const items = readdirSync(join(run, "eval", "items")).sort();
  if (checkpoint === undefined || items.length === 0) throw new Error(`${run}: no checkpoint, or nothing was evaluated`);
  const files = [join("checkpoints", checkpoint, "model.safetensors"), ...items.map((item) => join("eval", "items", item))];
  return files.map((file) => [
    file,
    createHash("sha256")
      .update(readFileSync(join(run, file)))
      .digest("hex"),
  ]);
}

const rows = [];
for (const [i, operator] of asked.entries()) {
  const seconds = {};
  for (const way of i % 2 === 0 ? ["alone", "shared"] : ["shared", "alone"]) seconds[way] = train(operator, way);
  const [mine, theirs] = [digests(operator, "shared"), digests(operator, "alone")];
  const other = theirs.find(([file, digest], at) => mine[at]?.[0] !== file || mine[at]?.[1] !== digest)?.[0];
  rows.push({ operator, seconds, model: theirs[0][1], files: theirs.length, ...(other === undefined ? {} : { other }) });
  say(
    `${operator}: alone ${seconds.alone.toFixed(1)} s, shared ${seconds.shared.toFixed(1)} s, ${other === undefined ? `${theirs.length} files the same` : `${other} DIFFERS`}`,
  );
}
rmSync(scratch, { recursive: true, force: true });

const total = (way) => rows.reduce((sum, { seconds }) => sum + seconds[way], 0);
const ratio = total("alone") / total("shared");
const distinct = new Set(rows.map(({ model }) => model)).size;
const machine = `${cpus()[0]?.model}, ${cpus().length} processors, ${(totalmem() / 1e9).toFixed(0)} GB, Node ${process.versions.node}`;
const lines = rows.map(
  ({ operator, seconds, files, other }) =>
    `| ${operator} | ${seconds.alone.toFixed(1)} s | ${seconds.shared.toFixed(1)} s | ${other === undefined ? `${files} files` : `${other} differs`} |`,
);
process.stdout.write(
  [
    `${machine}; ${options.tasks} tasks of ${options.steps} steps, ${distinct} distinct final models of ${rows.length}`,
    "",
    "| operator | alone | shared | same bits |",
    "|---|--:|--:|---|",
    ...lines,
    `| all | ${total("alone").toFixed(1)} s | ${total("shared").toFixed(1)} s | ${ratio.toFixed(2)} times, at least ${atLeast}: ${ratio >= atLeast ? "reached" : "not reached"} |`,
    "",
  ].join("\n"),
);
if (options.out !== undefined) {
  const { tasks, steps } = options;
  writeFileSync(options.out, `${JSON.stringify({ machine, tasks, steps, ratio, distinct, rows }, undefined, 2)}\n`);
}
if (rows.some(({ other }) => other !== undefined)) process.exitCode = 1;
else if (ratio < atLeast) process.exitCode = 8;
