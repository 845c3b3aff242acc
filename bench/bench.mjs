// `npm run bench -- [--case NAME …] [--steps N] [--warmup N] [--out FOLDER]`: Evergreen beside OpenCLIP on PyTorch, interleaved in one run.
// An unknown NAME is told the known ones. Needs dist/, the engine and the peers' Python.
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { peerPython } from "../scripts/peers/make-env.mjs";
import { readOptions } from "./options.mjs";
import { ownCases } from "./own-cases.mjs";
import { Side } from "./side.mjs";
import { median, spread } from "./statistics.mjs";

const values = readOptions(import.meta.url, {
  case: { type: "string", multiple: true },
  steps: { type: "string", default: "30" },
  warmup: { type: "string", default: "5" },
  out: { type: "string" },
});
const { openClipConfig, weightsOf, writeBatch, writeClasses, writeJpegs } = await import("./cases.mjs");
const { methodCases } = await import("./method-cases.mjs");
const { hasBFloat16Products } = await import("../dist/engine/kernels.js");
const steps = Number(values.steps);
const warmup = Number(values.warmup);
const scratch = mkdtempSync(join(tmpdir(), "evergreen-bench-"));
const out = values.out;
const ours = fileURLToPath(new URL("./ours.mjs", import.meta.url));
const peer = fileURLToPath(new URL("./peers/openclip_step.py", import.meta.url));
const root = fileURLToPath(new URL("..", import.meta.url));
/** Made when the first case asks for it. @type {Promise<string> | undefined} */
let made;
const python = () => (made ??= peerPython(process.env, (text) => process.stderr.write(`${text}\n`)));
/** @type {{ case: string, ours: string, peer: string, ratio: number, atLeast: number, note: string }[]} */
const rows = [];
const raw = ["case,side,index,seconds,loss"];

const say = (text) => process.stderr.write(`${text}\n`);
const time = (value) => (value < 0.1 ? `${(1000 * value).toFixed(2)} ms` : `${value.toFixed(3)} s`);
const seconds = (list) => `${time(median(list))} ± ${(100 * spread(list)).toFixed(0)} %`;

function record(name, mine, theirs, { atLeast, note = "" }) {
  const ratio = median(theirs) / median(mine);
  rows.push({ case: name, ours: seconds(mine), peer: seconds(theirs), ratio, atLeast, note });
  say(`${name}: ours ${seconds(mine)}, peer ${seconds(theirs)}, ratio ${ratio.toFixed(2)} (at least ${atLeast})`);
}

/** The peer's better setting: in bf16 PyTorch falls to a tenth of its rate on processors without such products. @param {"fp32" | "bf16"} precision */
const better = (precision) => (hasBFloat16Products() ? precision : "fp32");

/** One training step after another on each side in turn; losses must agree. */
async function trainingSteps(name, { arch, batch, precision, vocabulary, thresholds }) {
  const config = openClipConfig(arch);
  const weights = await weightsOf(arch, scratch);
  const size = config.vision_cfg.image_size;
  const context = config.text_cfg.context_length;
  const file = await writeBatch({ size, batch, context, vocabulary }, join(scratch, `${name}.safetensors`));
  const model = { do: "model", weights, threads: 2, precision, lr: 1e-5 };
  const peerModel = { ...model, precision: better(precision), config, fused: precision === "bf16" };
  const sides = {
    ours: { side: new Side(process.execPath, [ours]), model },
    full: { side: new Side(await python(), [peer]), model: peerModel },
    ...(thresholds.cut === undefined ? {} : { cut: { side: new Side(await python(), [peer]), model: { ...peerModel, textLength: 24 } } }),
  };
  /** @type {Record<string, { times: number[], losses: number[], peak: number }>} */
  const seen = {};
  for (const [key, { side, model: command }] of Object.entries(sides)) {
    await side.ask(command);
    await side.ask({ do: "batch", file });
    seen[key] = { times: [], losses: [], peak: 0 };
  }
  for (let step = 0; step < warmup + steps; step++)
    for (const [key, { side }] of Object.entries(sides)) {
      const answer = await side.ask({ do: "step" });
      seen[key].losses.push(answer.loss);
      seen[key].peak = answer.peakBytes;
      if (step >= warmup) seen[key].times.push(answer.seconds);
      raw.push([name, key, step, answer.seconds, answer.loss].join(","));
    }
  const tolerance = precision === "bf16" ? 2e-2 : 1e-3;
  const worst = Math.max(
    ...seen.ours.losses.map((loss, i) => Math.abs(loss - seen.full.losses[i]) / Math.max(1, Math.abs(seen.full.losses[i]))),
  );
  const note = `losses agree within ${worst.toExponential(1)}${worst > tolerance ? `, MORE than ${tolerance}` : ""}`;
  record(name, seen.ours.times, seen.full.times, { atLeast: thresholds.full, note });
  if (seen.cut) record(`${name}, peer with the same cut`, seen.ours.times, seen.cut.times, { atLeast: thresholds.cut });
  if (thresholds.memory !== undefined) {
    const share = seen.ours.peak / seen.full.peak;
    rows.push({
      case: `${name}, peak resident memory`,
      ours: `${(seen.ours.peak / 1e9).toFixed(2)} GB`,
      peer: `${(seen.full.peak / 1e9).toFixed(2)} GB`,
      ratio: 1 / share,
      atLeast: 1 / thresholds.memory,
      note: "",
    });
  }
  for (const { side } of Object.values(sides)) await side.stop();
}

async function zeroShot() {
  const weights = await weightsOf("ViT-B-32", scratch);
  const file = await writeBatch({ size: 224, batch: 64, context: 77 }, join(scratch, "zero-shot.safetensors"));
  const classes = await writeClasses(join(scratch, "classes.safetensors"), 100);
  const a = new Side(process.execPath, [ours]);
  const b = new Side(await python(), [peer]);
  await a.ask({ do: "model", weights, precision: "bf16" });
  await b.ask({ do: "model", weights, precision: better("bf16"), config: openClipConfig("ViT-B-32") });
  for (const side of [a, b]) await side.ask({ do: "batch", file });
  const [mine, theirs] = [[], []];
  for (let i = 0; i < 3; i++) {
    mine.push((await a.ask({ do: "zeroShot", images: 1000, batch: 64, classes })).seconds * 5);
    theirs.push((await b.ask({ do: "zeroShot", images: 1000, batch: 64, classes })).seconds * 5);
  }
  record("zero-shot evaluation of 5,000 decoded images, ViT-B-32, bf16", mine, theirs, {
    atLeast: 1.5,
    note: "timed on 1,000 images, 3 times",
  });
  for (const side of [a, b]) await side.stop();
}

async function loading() {
  const folder = await writeJpegs(join(scratch, "jpeg"), 512);
  for (const [name, resampler, atLeast] of /** @type {const} */ ([
    ["full decode", "fast", 1.3],
    ["scaled decode", "fastest", 2],
  ])) {
    const a = new Side(process.execPath, [ours]);
    const b = new Side(await python(), [peer]);
    const [mine, theirs] = [[], []];
    for (let i = 0; i < 3; i++) {
      mine.push(1 / (await a.ask({ do: "load", folder, size: 224, batch: 64, workers: 2, images: 1024, resampler })).imagesPerSecond);
      theirs.push(1 / (await b.ask({ do: "load", folder, size: 224, batch: 64, workers: 2, images: 1024 })).imagesPerSecond);
    }
    record(`seconds an image, JPEG 640x480 to the training transform, two cores, ${name}`, mine, theirs, { atLeast });
    for (const side of [a, b]) await side.stop();
  }
}

/** A real run on JPEG files: how long the trainer waited for data. */
async function dataWait() {
  const folder = await writeJpegs(join(scratch, "wait"), 512);
  const lines = Array.from({ length: 512 }, (_, i) => `${String(i).padStart(5, "0")}.jpg\ta photo of street number ${i}`);
  writeFileSync(join(folder, "data.tsv"), `filepath\ttitle\n${lines.join("\n")}\n`);
  const weights = await weightsOf("ViT-B-32", scratch);
  const count = Math.max(100, steps);
  const config = [
    "version: 1",
    "name: wait",
    `model: {arch: ViT-B-32, init: ${JSON.stringify(weights)}, precision: bf16}`,
    `stream: {from: ${JSON.stringify(join(folder, "data.tsv"))}, tasks: 1, order: given}`,
    "data: {mixture: {update: 1, buffer: 0, pretraining: 0}, batch_size: 32}",
    `budget: {per_task: ${count} steps}`,
    "optim: {name: adamw, lr: 1e-5, wd: 0.2}",
    "eval: {suite: none}",
    "checkpoint: {every: never}",
  ];
  writeFileSync(join(scratch, "wait.yaml"), `${config.join("\n")}\n`);
  const main = join(root, "dist", "cli", "main.js");
  const runs = join(scratch, "runs");
  execFileSync(process.execPath, [main, "train", "-C", join(scratch, "wait.yaml"), "--run", "wait", "--runs", runs], { stdio: "ignore" });
  const metrics = readFileSync(join(runs, "default", "wait", "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const sum = (key) => metrics.filter(({ k, s }) => k === key && s > warmup).reduce((total, { v }) => total + v, 0);
  const share = sum("train/data_time") / sum("train/batch_time");
  const seen = metrics.filter(({ k }) => k === "train/batch_time").length;
  rows.push({
    case: "share of a step spent waiting for JPEG files, ViT-B-32, batch 32, bf16",
    ours: `${(100 * share).toFixed(2)} %`,
    peer: "2 %",
    ratio: 0.02 / Math.max(share, 1e-6),
    atLeast: 1,
    note: `${seen} steps`,
  });
}

async function startUp() {
  const help = [];
  for (let i = 0; i < 15; i++) {
    const began = performance.now();
    execFileSync(process.execPath, [join(root, "bin", "evergreen.mjs"), "--help"], { stdio: "ignore" });
    help.push((performance.now() - began) / 1000);
  }
  rows.push({ case: "evergreen --help", ours: seconds(help), peer: "0.150 s", ratio: 0.15 / median(help), atLeast: 1, note: "" });
  const weights = await weightsOf("ViT-S-32-alt", scratch);
  const file = await writeBatch({ size: 224, batch: 2, context: 77 }, join(scratch, "small.safetensors"));
  const [mine, theirs] = [[], []];
  for (let i = 0; i < 5; i++) {
    const began = performance.now();
    const a = new Side(process.execPath, [ours]);
    await a.ask({ do: "model", weights });
    await a.ask({ do: "batch", file });
    await a.ask({ do: "step" });
    mine.push((performance.now() - began) / 1000);
    await a.stop();
    const b = new Side(await python(), [peer]);
    theirs.push((await b.ask({ do: "model", weights, config: openClipConfig("ViT-S-32-alt") })).sinceProcessStart);
    await b.stop();
  }
  record("process start to the end of the first step, small model", mine, theirs, {
    atLeast: 3,
    note: "the peer's side: import torch, open_clip and build the model, no step",
  });
}

async function machineShare() {
  const weights = await weightsOf("ViT-B-32", scratch);
  const file = await writeBatch({ size: 224, batch: 32, context: 77 }, join(scratch, "share.safetensors"));
  const a = new Side(process.execPath, [ours]);
  const rates = [await a.ask({ do: "rate", precision: "bf16", repeats: 60 })];
  await a.ask({ do: "model", weights, precision: "bf16" });
  await a.ask({ do: "batch", file });
  const times = [];
  for (let i = 0; i < warmup + 15; i++) {
    const answer = await a.ask({ do: "step" });
    if (i >= warmup) times.push(answer.seconds);
  }
  const work = (await a.ask({ do: "count" })).flops / 1e9;
  rates.push(await a.ask({ do: "rate", precision: "bf16", repeats: 60 }));
  // The best product seen before or after: a clock that wanders must not flatter the share.
  const gflops = Math.max(...rates.map((each) => each.gflops));
  const share = work / median(times) / gflops;
  rows.push({
    case: "share of the machine's bf16 product rate, ViT-B-32 step",
    ours: `${(100 * share).toFixed(0)} %`,
    peer: `${gflops.toFixed(0)} GFLOP/s`,
    ratio: share,
    atLeast: 0.65,
    note: `${work.toFixed(0)} GFLOP a step`,
  });
  await a.stop();
}

/** @type {Record<string, () => Promise<void>>} */
const cases = {
  "step-fp32": () =>
    trainingSteps("training step, ViT-B-32, batch 32, fp32", {
      arch: "ViT-B-32",
      batch: 32,
      precision: "fp32",
      vocabulary: undefined,
      thresholds: { full: 2.5, cut: 1.6, memory: 0.8 },
    }),
  "step-bf16": () =>
    trainingSteps("training step, ViT-B-32, batch 32, bf16", {
      arch: "ViT-B-32",
      batch: 32,
      precision: "bf16",
      vocabulary: undefined,
      thresholds: { full: 1.7, cut: 1.2 },
    }),
  "step-mini": () =>
    trainingSteps("training step, small CLIP (width 192, 64 tokens), batch 256, bf16", {
      arch: "mini",
      batch: 256,
      precision: "bf16",
      vocabulary: 3578,
      thresholds: { full: 2 },
    }),
  "zero-shot": zeroShot,
  loading,
  "data-wait": dataWait,
  "start-up": startUp,
  share: machineShare,
  ...methodCases({ steps, warmup, scratch, python, raw, rows, record, better }),
  ...Object.fromEntries(Object.entries(ownCases).map(([name, own]) => [name, async () => void rows.push(...own(scratch))])),
};

const asked = values.case ?? Object.keys(cases);
const unknown = asked.find((name) => !cases[name]);
if (unknown) throw new Error(`unknown case ${unknown}; known: ${Object.keys(cases).join(", ")}`);
// A build older than its sources would be told of by the last case only.
execFileSync(process.execPath, [join(root, "bin", "evergreen.mjs"), "--version"], { stdio: ["ignore", "ignore", "inherit"] });
/** @type {string[]} */
const failed = [];
for (const name of asked)
  await cases[name]().catch((error) => {
    failed.push(name);
    say(`${name} failed: ${error.stack}`);
  });
rmSync(scratch, { recursive: true, force: true });
const facts = `${cpus()[0]?.model}, ${cpus().length} processors, ${(totalmem() / 1e9).toFixed(0)} GB, Node ${process.versions.node}`;
const table = [
  "| case | ours | peer | ratio | at least | |",
  "|---|--:|--:|--:|--:|---|",
  ...rows.map(
    (r) =>
      `| ${r.case} | ${r.ours} | ${r.peer} | ${r.ratio.toFixed(2)} | ${Number(r.atLeast.toFixed(2))} | ${r.ratio >= r.atLeast ? "reached" : "not reached"}${r.note ? `; ${r.note}` : ""} |`,
  ),
].join("\n");
process.stdout.write(`${facts}\n\n${table}\n`);
if (out) {
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, "raw.csv"), `${raw.join("\n")}\n`);
  appendFileSync(join(out, "tables.md"), `${new Date().toISOString().slice(0, 10)}, ${facts}\n\n${table}\n\n`);
}
if (failed.length > 0) process.exitCode = 1;
else if (rows.some(({ ratio, atLeast }) => ratio < atLeast)) process.exitCode = 8;
