#!/usr/bin/env node
// Merges of many experts beside mergekit on the same files: node bench/merge.mjs [--arch ViT-L-14] [--experts 8] [--dtype bfloat16] [--rounds 3] [--folder FOLDER] [--method linear] [--out FILE]
// The two take turns, each merge in a process of its own. Needs dist/, the engine and the peers' Python; files of ViT-L-14 take 7.7 GB in bfloat16, and are kept where --folder says.
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { peerPython } from "../scripts/peers/make-env.mjs";
import { readOptions } from "./options.mjs";
import { Side } from "./side.mjs";
import { median, spread } from "./statistics.mjs";

const options = readOptions(import.meta.url, {
  arch: { type: "string", default: "ViT-L-14" },
  experts: { type: "string", default: "8" },
  dtype: { type: "string", default: "bfloat16" },
  rounds: { type: "string", default: "3" },
  folder: { type: "string" },
  method: { type: "string", multiple: true },
  out: { type: "string" },
});
const { differenceOf, writeExpert } = await import("./merge-files.mjs");
const [experts, rounds] = [Number(options.experts), Number(options.rounds)];

/** What both sides are asked for. Thresholds count in each tensor, since mergekit has no others; dare's draws differ, the work does not. */
const methods = {
  linear: { ours: { name: "linear" }, theirs: { name: "linear" }, usesBase: false },
  ties: { ours: { name: "ties", remove: 0.8, scope: "tensor" }, theirs: { name: "ties", density: 0.2 }, usesBase: true },
  dare: { ours: { name: "dare", remove: 0.8 }, theirs: { name: "dare_linear", density: 0.2, rescale: false }, usesBase: true },
};
const asked = options.method ?? Object.keys(methods);
const unknown = asked.find((name) => !Object.hasOwn(methods, name));
if (unknown) throw new Error(`unknown method ${unknown}; known: ${Object.keys(methods).join(", ")}`);

const say = (text) => process.stderr.write(`${text}\n`);
const python = await peerPython(process.env, say);
const ours = fileURLToPath(new URL("./merge-ours.mjs", import.meta.url));
const peer = fileURLToPath(new URL("./peers/mergekit_merge.py", import.meta.url));
const scratch = options.folder ?? mkdtempSync(join(tmpdir(), "evergreen-bench-"));
mkdirSync(scratch, { recursive: true });

/** One command in a process of its own. */
async function once(program, script, command) {
  const side = new Side(program, [script]);
  const answer = await side.ask(command);
  await side.stop();
  return answer;
}

const files = [];
for (let i = 0; i <= experts; i++) {
  const file = join(scratch, `${options.arch}-${options.dtype}-${i === 0 ? "base" : i}.safetensors`);
  if (!existsSync(file)) {
    say(`writing ${file}`);
    await writeExpert(file, { arch: options.arch, dtype: options.dtype, expert: i });
  }
  files.push(file);
}
const [base, ...models] = files;
const outOf = (side) => join(scratch, `merged-${side}`);
const rows = [];
for (const name of asked) {
  const { ours: mine, theirs, usesBase } = methods[name];
  const common = { models, dtype: options.dtype, threads: 2, ...(usesBase ? { base } : {}) };
  const seen = { ours: [], peer: [], bound: [] };
  for (let round = 0; round < rounds; round++) {
    for (const side of ["ours", "peer"]) rmSync(outOf(side), { recursive: true, force: true });
    seen.ours.push(await once(process.execPath, ours, { do: "merge", operator: mine, out: outOf("ours"), ...common }));
    seen.peer.push(await once(python, peer, { do: "merge", operator: theirs, out: outOf("peer"), ...common }));
    // What no merge can do without: every byte read once, the result written once.
    seen.bound.push(
      await once(process.execPath, ours, {
        do: "copy",
        models: usesBase ? files : models,
        out: outOf("bound"),
        bytes: statSync(base).size,
      }),
    );
    say(
      `${name}, round ${round + 1}: ours ${seen.ours.at(-1).seconds.toFixed(2)} s, mergekit ${seen.peer.at(-1).seconds.toFixed(2)} s, bound ${seen.bound.at(-1).seconds.toFixed(2)} s`,
    );
  }
  const seconds = (side) => seen[side].map((each) => each.seconds);
  rows.push({
    method: name,
    seconds: Object.fromEntries(Object.keys(seen).map((side) => [side, { median: median(seconds(side)), spread: spread(seconds(side)) }])),
    peerOverOurs: median(seconds("peer")) / median(seconds("ours")),
    oursOverBound: median(seconds("ours")) / median(seconds("bound")),
    peakBytes: { ours: Math.max(...seen.ours.map((each) => each.peakBytes)), peer: Math.max(...seen.peer.map((each) => each.peakBytes)) },
    ...(name === "dare"
      ? {}
      : { difference: differenceOf(join(outOf("ours"), "model.safetensors"), join(outOf("peer"), "model.safetensors")) }),
  });
}
for (const side of ["ours", "peer", "bound"]) rmSync(outOf(side), { recursive: true, force: true });
if (options.folder === undefined) rmSync(scratch, { recursive: true, force: true });
const result = {
  machine: `${cpus()[0]?.model}, ${cpus().length} processors, ${(totalmem() / 1e9).toFixed(0)} GB, Node ${process.versions.node}`,
  ...{ arch: options.arch, experts, dtype: options.dtype, rounds },
  rows,
};
const text = `${JSON.stringify(result, undefined, 2)}\n`;
process.stdout.write(text);
if (options.out !== undefined) writeFileSync(options.out, text);
