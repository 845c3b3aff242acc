// `node bench/plan.mjs [--only TEXT] [--json FILE]`: plans held against the runs they were made for. Each plan is made, with 20 calibrating steps, before its run, by a process of its own.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readOptions } from "./options.mjs";

const values = readOptions(import.meta.url, { only: { type: "string" }, json: { type: "string" }, run: { type: "string" } });
const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const self = fileURLToPath(import.meta.url);

const mini = [
  "-C",
  "preset:fomo-mini",
  "stream.tasks=3",
  "budget.per_task=40 steps",
  "eval.suite=none",
  "eval.during=null",
  "checkpoint.every=never",
];
const large = (arch) => [
  ...mini.slice(0, 2),
  `model.arch=${arch}`,
  "model.init=random",
  "stream.tasks=2",
  "budget.per_task=5 steps",
  "data.batch_size=32",
  "data.augment=openclip",
  "eval.suite=none",
  "eval.during=null",
  "checkpoint.every=never",
];
const methods = (...list) => `methods=${JSON.stringify(list)}`;
/** Settings by name: "-C" and a file, then `--set` values. */
const cases = {
  "mini, full fine-tuning": mini,
  "mini, locked image tower": [...mini, "model.train.image=none"],
  "mini, activation checkpointing": [...mini, "engine.activation_checkpointing=true"],
  "mini, LoRA r=16": [...mini, methods({ name: "lora", r: 16 })],
  "mini, EWC": [...mini, methods({ name: "ewc", max_samples: 512 })],
  "mini, ZSCL": [...mini, methods({ name: "zscl" })],
  "mini, DER++": [...mini, methods({ name: "der-pp" })],
  "ViT-B-32, full fine-tuning": large("ViT-B-32"),
  "ViT-B-32, locked image tower": [...large("ViT-B-32"), "model.train.image=none"],
  "ViT-B-32, activation checkpointing": [...large("ViT-B-32"), "engine.activation_checkpointing=true"],
  "ViT-B-32, LoRA r=16": [...large("ViT-B-32"), methods({ name: "lora", r: 16 })],
  "RN50, activation checkpointing": [...large("RN50"), "data.batch_size=16", "engine.activation_checkpointing=true"],
};

if (values.run !== undefined) await metered(JSON.parse(values.run));
else compare();

function argumentsOf([flag, file, ...set]) {
  return [flag, file, ...set.flatMap((each) => ["--set", each])];
}

function compare() {
  const rows = [];
  for (const [name, settings] of Object.entries(cases)) {
    if (values.only !== undefined && !name.includes(values.only)) continue;
    const plan = JSON.parse(
      execFileSync(process.execPath, [main, "plan", ...argumentsOf(settings), "--calibrate", "--json"], {
        encoding: "utf8",
        maxBuffer: 1 << 28,
      }),
    );
    const folder = mkdtempSync(join(tmpdir(), "evergreen-plan-"));
    const out = join(folder, "found.json");
    const { status } = spawnSync(process.execPath, [self, "--run", JSON.stringify({ settings, folder, out })], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    if (status !== 0) throw new Error(`${name}: the run ended with ${status}`);
    const found = JSON.parse(readFileSync(out, "utf8"));
    rmSync(folder, { recursive: true });
    const row = {
      case: name,
      flops: { planned: plan.step.metered + plan.taskEnds.flops / plan.steps, found: found.flops / plan.steps },
      bytes: { planned: plan.memory.peakBytes, found: found.peakBytes },
      stepMs: { planned: plan.time.stepMs, found: found.stepMs },
    };
    rows.push(row);
    const off = ({ planned, found: real }) => `${(100 * (planned / real - 1)).toFixed(1)} %`;
    process.stderr.write(`${name}: FLOPs ${off(row.flops)}, bytes ${off(row.bytes)}, time ${off(row.stepMs)} (planned against found)\n`);
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, undefined, 2)}\n`);
}

/** The run itself, its FLOPs, peak and time counted from its first step to its last. */
async function metered({ settings, folder, out }) {
  const { native } = await import("../dist/engine/binding.js");
  const { memory, resetPeak } = await import("../dist/engine/memory.js");
  const { startRun } = await import("../dist/pipeline/run.js");
  const { presetFolder } = await import("../dist/pipeline/preset-folder.js");
  const { readSpec } = await import("../dist/runs/spec.js");
  const { RunStore } = await import("../dist/runs/store.js");
  const { presetPath } = await import("../dist/cli/preset-files.js");
  const [, file, ...set] = settings;
  const parsed = readSpec({ files: [presetPath(file)], set, env: process.env, cwd: folder, presets: presetFolder });
  const times = [];
  resetPeak();
  native.meterStart();
  await startRun(parsed, folder, {
    store: new RunStore(join(folder, "runs")),
    env: process.env,
    versions: {},
    stopRequested: () => false,
    onEvent: (event) => {
      if (event.type === "step" && event.timing) times.push(event.timing.batchMs);
    },
  });
  const { flops } = native.meterStop();
  // The first step of each task prepares its products.
  const steady = times.slice(3);
  writeFileSync(out, JSON.stringify({ flops, peakBytes: memory().peak, stepMs: steady.reduce((sum, ms) => sum + ms, 0) / steady.length }));
}
