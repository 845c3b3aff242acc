// Cases without a peer: each is a script of its own, which prints what it measured as JSON, held against a limit.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";

/**
 * A row of the table. `ratio` is the limit over what was measured, so that 1 is just reached.
 * @typedef {{ case: string, ours: string, peer: string, ratio: number, atLeast: number, note: string }} Row
 */

const main = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const threads = { OMP_NUM_THREADS: "2", MKL_NUM_THREADS: "2" };

/** @param {string} program @param {readonly string[]} args */
const output = (program, args) =>
  execFileSync(process.execPath, [program, ...args], {
    encoding: "utf8",
    env: { ...process.env, ...threads },
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 1 << 28,
  });
/** @param {string} name @param {readonly string[]} args */
const measured = (name, ...args) => JSON.parse(output(fileURLToPath(new URL(name, import.meta.url)), args));

/** @param {string} name @param {number} value @param {{ limit: number, show: (value: number) => string, note?: string }} against @returns {Row} */
const atMost = (name, value, { limit, show, note = "" }) => ({
  ...{ case: name, ours: show(value), peer: `at most ${show(limit)}` },
  ...{ ratio: limit / Math.max(value, 1e-9), atLeast: 1, note },
});
/** @param {number} value */
const seconds = (value) => `${value.toFixed(value < 10 ? 2 : 1)} s`;
/** @param {number} value */
const times = (value) => `${value.toFixed(2)} times`;
/** @param {number} share */
const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** @returns {Row[]} */
function streamBuild() {
  const found = measured("stream-build.mjs");
  const note = `${found.samples} samples in ${found.tasks} tasks, every sample of every pool looked up`;
  return [
    atMost(`a stream of ${found.concepts} concepts: ordered, cut, its pools and its file`, found.seconds, {
      limit: 10,
      show: seconds,
      note,
    }),
  ];
}

/** @returns {Row[]} */
function streamOrder() {
  const found = measured("stream-order.mjs", "--bound", "200");
  const note = `${found.starts} walks; 2-opt and Or-opt take ${seconds(found.search.seconds)} more`;
  const taken = found.neighboursSeconds + found.walksSeconds;
  return [atMost(`similarity order of ${found.rows} concepts of 768 numbers`, taken, { limit: 30, show: seconds, note })];
}

/** @returns {Row[]} */
function largestPlan() {
  const init = "model.init=open_clip:ViT-bigG-14/laion2b_s39b_b160k";
  const settings = ["model.arch=ViT-bigG-14", init, 'budget.total="4.6627e10 GMAF"'].flatMap((each) => ["--set", each]);
  const began = performance.now();
  const plan = JSON.parse(output(main, ["plan", "-C", "preset:fomo-b16", ...settings, "--json"]));
  const note = `${plan.model.parameters} parameters, ${plan.batchSize} pairs a step, process start and ${plan.tasks.length} tasks of 41 sets included`;
  return [atMost("plan of ViT-bigG-14 without weights and data", (performance.now() - began) / 1000, { limit: 10, show: seconds, note })];
}

/** @returns {Row[]} */
function retrieval() {
  const found = measured("retrieval.mjs");
  const note = `${seconds(found.ranks.seconds)} beside ${seconds(found.product.seconds)}, ${(found.residentPeakBytes / 1e9).toFixed(2)} GB resident`;
  const name = `ranks of ${found.images} images x ${found.captions} captions, beside one matrix product of that size`;
  return [atMost(name, found.ratio, { limit: 3, show: times, note })];
}

/** @returns {Row[]} */
function bootstrap() {
  const found = measured("bootstrap.mjs");
  const note = `of two runs together ${seconds(found.paired.seconds)}`;
  const name = `${found.resamples} bootstrap resamples of ${found.sets} sets of ${found.items} items`;
  return [atMost(name, found.triple.seconds, { limit: 2, show: seconds, note })];
}

/** @returns {Row[]} */
function evaluation() {
  const found = measured("evaluation.mjs");
  const note = `${found.sets} sets, ${found.images} images, ${found.texts} texts: ${seconds(found.evaluation.seconds)} beside ${seconds(found.passes.seconds)}`;
  return [
    atMost("evaluation in a run over the forward passes it needs, mini-flux, bf16", Math.max(found.over, 0), {
      limit: 0.05,
      show: percent,
      note,
    }),
  ];
}

/** Plans held against the runs they were made for: the worst case of each measure. @param {string} scratch @returns {Row[]} */
function plans(scratch) {
  const file = join(scratch, "plans.json");
  output(fileURLToPath(new URL("plan.mjs", import.meta.url)), ["--only", "mini", "--json", file]);
  const rows = JSON.parse(readFileSync(file, "utf8"));
  return /** @type {const} */ ([
    ["flops", "FLOPs", 0.02],
    ["bytes", "peak bytes", 0.05],
    ["stepMs", "time of a step", 0.2],
  ]).map(([key, name, limit]) => {
    const off = (row) => Math.abs(row[key].planned / row[key].found - 1);
    const worst = rows.reduce((a, b) => (off(b) > off(a) ? b : a));
    return atMost(`plan against run, ${name}, worst of ${rows.length} settings`, off(worst), { limit, show: percent, note: worst.case });
  });
}

/** By name: what it gives for the table. @type {Record<string, (scratch: string) => Row[]>} */
export const ownCases = {
  "stream-build": streamBuild,
  "stream-order": streamOrder,
  "plan-largest": largestPlan,
  plans,
  retrieval,
  bootstrap,
  evaluation,
};
