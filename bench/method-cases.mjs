import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openClipConfig, weightsOf, writeBatch, writeReferences } from "./cases.mjs";
import { Side, withSides } from "./side.mjs";
import { median, spread } from "./statistics.mjs";

const ours = fileURLToPath(new URL("./ours-methods.mjs", import.meta.url));
const theirs = fileURLToPath(new URL("./peers/openclip_methods.py", import.meta.url));

/** Steps until the mixture's rows come back. */
const batches = 8;

/**
 * What a case works with.
 * @typedef {object} Kit
 * @property {number} steps timed ones
 * @property {number} warmup
 * @property {string} scratch
 * @property {() => Promise<string>} python
 * @property {string[]} raw
 * @property {object[]} rows
 * @property {(name: string, mine: number[], theirs: number[], row: { atLeast: number, note?: string }) => void} record
 */

/**
 * A method as both sides are asked for it.
 * @typedef {object} Plan
 * @property {{ name: string, options: Record<string, unknown> }} method
 * @property {readonly string[]} roles of the mixture's rows
 * @property {number} [size] of a reservoir
 * @property {number} [references] texts
 * @property {number} lr
 */

/** @type {Record<string, (whole: boolean) => Plan>} whole: as it is timed; else small, for a check of every term */
const plans = {
  lora: (whole) => ({
    method: { name: "lora", options: { r: 16, targetModules: ["fc", "proj"] } },
    roles: Array(whole ? 32 : 8).fill("update"),
    lr: whole ? 1e-3 : 1e-2,
  }),
  "der-pp": (whole) => ({
    method: { name: "der-pp", options: { alpha: 0.1, beta: 0.5, size: whole ? 500 : 20 } },
    roles: Array(whole ? 32 : 8).fill("update"),
    size: whole ? 500 : 20,
    lr: whole ? 1e-5 : 1e-4,
  }),
  zscl: (whole) => ({
    method: { name: "zscl", options: { temperature: 2, l2: 1, weFreq: 100 } },
    roles: ["update", "buffer", "pretraining"].flatMap((role, i) => Array(whole ? [11, 11, 10][i] : 3).fill(role)),
    references: whole ? 512 : 40,
    lr: whole ? 1e-5 : 1e-3,
  }),
};

/** A comparison in float32 alone. */
const inFloat32 = { precision: "fp32", peers: ["fp32"], within: 1e-3 };

/** @param {Kit} kit @returns {Record<string, () => Promise<void>>} */
export const methodCases = (kit) => ({
  lora: () =>
    methodSteps(kit, "lora", { atLeast: 2, peers: ["bf16", "fp32"], sites: "c_fc and c_proj: PEFT gives q, k and v one adapter together" }),
  "der-pp": () => methodSteps(kit, "der-pp", { atLeast: 1.7, peers: ["bf16"] }),
  zscl: () => methodSteps(kit, "zscl", { atLeast: 1.7, peers: ["bf16"] }),
  "fisher-mini": () => fisher(kit, "mini", inFloat32),
  fisher: () => fisher(kit, "ViT-B-32", inFloat32),
  "fisher-bf16": () => fisher(kit, "ViT-B-32", { precision: "bf16", peers: ["bf16", "fp32"], within: 0.1 }),
  hooks: () => hooks(kit),
});

/** A step of ViT-B-32 with a method, ours beside OpenCLIP's, whichever of the peer's precisions is faster; first every term and the gradient's norm in fp32 on a small model. */
async function methodSteps(kit, name, { atLeast, peers: asked, sites }) {
  const peers = [...new Set(asked.map(kit.better))];
  const exact = await stepsOf(kit, plans[name](false), {
    arch: "mini",
    precision: "fp32",
    peers: ["fp32"],
    steps: batches + 4,
    title: `${name} check`,
  });
  if (!(exact.worst.fp32 <= 1e-3))
    throw new Error(`${name}: the sides differ by ${exact.worst.fp32} in fp32, at most 1e-3 is wanted: they do not compute the same`);
  // The ninth step is on the first one's pairs: what eight steps made of the weights must show, for the sides to agree on it.
  if (!(exact.moved >= 0.01)) throw new Error(`${name}: the loss moved by ${exact.moved} in ${batches} steps, too little for a check`);
  const steps = kit.warmup + kit.steps;
  const found = await stepsOf(kit, plans[name](true), { arch: "ViT-B-32", precision: "bf16", peers, steps, title: name });
  const best = peers.reduce((a, b) => (median(found.times[b]) < median(found.times[a]) ? b : a));
  const worst = Math.max(...Object.values(found.loss));
  const notes = [
    `losses agree within ${worst.toExponential(1)}, terms and gradient norms in fp32 within ${exact.worst.fp32.toExponential(1)}`,
    ...(worst > 2e-2 ? ["MORE than 0.02"] : []),
    ...(peers.length > 1 ? [`peer in ${best}, its better`] : []),
    ...(sites ? [sites] : []),
  ];
  const title = `step with ${name}, ViT-B-32, batch 32, bf16`;
  kit.record(title, found.times.ours, found.times[best], { atLeast, note: notes.join("; ") });
}

/** Steps on each side in turn: seconds by side, and the worst relative differences of the losses, and of these with all terms and the gradient's norm, by the peer's precision. */
async function stepsOf(kit, plan, { arch, precision, peers, steps, title }) {
  const { vision_cfg: vision, text_cfg: text } = openClipConfig(arch);
  const shape = { context: text.context_length, ...(arch === "mini" ? { vocabulary: text.vocab_size } : {}) };
  const path = (file) => join(kit.scratch, `${title.replaceAll(/\W+/g, "-")}-${file}`);
  const pool = batches * plan.roles.length;
  const file = await writeBatch({ size: vision.image_size, batch: pool, ...shape }, path("pool.safetensors"));
  const references = plan.references && (await writeReferences(path("references"), { count: plan.references, ...shape }));
  const seen = Object.fromEntries(["ours", ...peers].map((key) => [key, { times: [], answers: [] }]));
  await withSides(await sidesOf(kit, peers), async (sides) => {
    await prepare(sides, plan, { weights: await weightsOf(arch, kit.scratch), arch, precision, steps, shape, references, path });
    for (const side of Object.values(sides)) await side.ask({ do: "pool", file });
    for (let step = 0; step < steps; step++) {
      const mixture = plan.roles.map((role, i) => ({ at: (step * plan.roles.length + i) % pool, role }));
      const mine = await sides.ours.ask({ do: "step", rows: mixture });
      for (const [key, side] of Object.entries(sides)) {
        const answer = key === "ours" ? mine : await side.ask({ do: "step", rows: mine.rows, taken: mine.taken });
        seen[key].answers.push(answer);
        if (step >= kit.warmup) seen[key].times.push(answer.seconds);
        kit.raw.push([title, key, step, answer.seconds, answer.loss].join(","));
      }
    }
  });
  const worstOf = (key, terms) => Math.max(...seen.ours.answers.map((mine, i) => difference(mine, seen[key].answers[i], terms)));
  const [first, again] = [seen.ours.answers[0], seen.ours.answers[batches]];
  return {
    moved: first && again ? Math.abs(again.loss - first.loss) / first.loss : 0,
    times: Object.fromEntries(Object.entries(seen).map(([key, { times }]) => [key, times])),
    loss: Object.fromEntries(peers.map((key) => [key, worstOf(key, false)])),
    worst: Object.fromEntries(peers.map((key) => [key, worstOf(key, true)])),
  };
}

/** Ours, and a peer by each name. */
async function sidesOf(kit, peers) {
  const python = await kit.python();
  const own = { ours: new Side(process.execPath, [ours]) };
  return { ...own, ...Object.fromEntries(peers.map((key) => [key, new Side(python, [theirs])])) };
}

/** The model in training on every side, a peer in the precision that it is named by. */
async function prepare({ ours: side, ...peers }, plan, { weights, arch, precision, steps, shape, references, path }) {
  const common = { do: "model", weights, threads: 2, lr: plan.lr };
  const { method } = plan;
  const mine = references ? { ...method, options: { ...method.options, texts: references.texts } } : method;
  await side.ask({ ...common, precision, method: mine, shape, plan: { roles: plan.roles, steps, size: plan.size } });
  const adapters = method.name === "lora" ? (await side.ask({ do: "adapters", file: path("adapters.safetensors") })).file : undefined;
  for (const [each, peer] of Object.entries(peers)) {
    const model = { ...common, config: openClipConfig(arch), precision: each, fused: each === "bf16" };
    await peer.ask({ ...model, method, adapters, references: references?.ids });
  }
}

/** Of the losses, or of everything that a step tells, relative to the peer's value; a term is measured against a thousandth of the loss at least. */
function difference(mine, peer, withTerms) {
  const least = Math.abs(peer.loss) / 1000;
  const names = withTerms ? [...new Set([...Object.keys(mine.terms), ...Object.keys(peer.terms)])] : [];
  const norms = withTerms ? [[mine.gradientNorm, peer.gradientNorm]] : [];
  const pairs = [[mine.loss, peer.loss], ...norms, ...names.map((name) => [mine.terms[name] ?? 0, peer.terms[name] ?? 0])];
  return Math.max(...pairs.map(([a, b]) => Math.abs(a - b) / Math.max(Math.abs(b), least)));
}

/** The Fisher information of single samples, beside a backward pass for each, whichever of the peer's precisions is faster; values must agree. */
async function fisher(kit, arch, { precision, peers: asked, within }) {
  const samples = 64;
  const peers = [...new Set(asked.map(kit.better))];
  const { vision_cfg: vision, text_cfg: text } = openClipConfig(arch);
  const shape = { context: text.context_length, ...(arch === "mini" ? { vocabulary: text.vocab_size } : {}) };
  const weights = await weightsOf(arch, kit.scratch);
  const path = (name) => join(kit.scratch, `fisher-${arch}-${precision}${name}.safetensors`);
  const pool = await writeBatch({ size: vision.image_size, batch: samples, ...shape }, path("-pool"));
  const file = path("");
  const times = Object.fromEntries(["ours", ...peers].map((key) => [key, []]));
  const worst = await withSides(await sidesOf(kit, peers), async (sides) => {
    const model = { do: "model", weights, threads: 2 };
    const plan = { roles: Array(samples).fill("update"), steps: 1 };
    for (const [key, side] of Object.entries(sides)) {
      await side.ask(key === "ours" ? { ...model, precision, shape, plan } : { ...model, precision: key, config: openClipConfig(arch) });
      await side.ask({ do: "pool", file: pool });
    }
    // The first pass of each side warms it up, and is the one that is compared.
    for (let i = 0; i <= Math.ceil(kit.steps / 10); i++)
      for (const [key, side] of Object.entries(sides)) {
        const { seconds } = await side.ask({ do: "fisher", samples, ...(key === "ours" && i === 0 ? { file } : {}) });
        kit.raw.push(`fisher ${arch} ${precision},${key},${i},${seconds},`);
        if (i > 0) times[key].push(seconds);
      }
    const { ours: _, ...others } = sides;
    const found = await Promise.all(Object.values(others).map((side) => side.ask({ do: "compare", file })));
    return found.reduce((a, b) => (b.worst > a.worst ? b : a));
  });
  const best = peers.reduce((a, b) => (median(times[b]) < median(times[a]) ? b : a));
  const title = `Fisher information of ${samples} single samples, ${arch === "mini" ? "small CLIP" : arch}, ${precision}`;
  const better = peers.length > 1 ? `; peer in ${best}, its better` : "";
  kit.record(title, times.ours, times[best], {
    atLeast: 5,
    note: `values agree within ${worst.worst.toExponential(1)} (${worst.name})${better}`,
  });
  if (!(worst.worst <= within)) throw new Error(`fisher: ${worst.name} differs by ${worst.worst} of its norm, at most ${within} is wanted`);
}

/** What calling the hooks of a method costs, in one process. */
async function hooks(kit) {
  const weights = await weightsOf("mini-flux", kit.scratch);
  const shape = { size: 32, batch: 128, context: 32, vocabulary: 3578 };
  const file = await writeBatch(shape, join(kit.scratch, "hooks-pool.safetensors"));
  // Single steps wander by some per cent, so that many pairs are taken.
  const command = { do: "hooks", weights, file, pairs: Math.max(60, 8 * kit.steps), warmup: kit.warmup };
  const found = await withSides({ ours: new Side(process.execPath, [ours]) }, ({ ours: side }) => side.ask(command));
  if (!found.agree) throw new Error("hooks: a method that does nothing changed a loss");
  const ratios = found.plain.map((plain, i) => found.hooked[i] / plain);
  const overhead = median(ratios) - 1;
  for (const key of ["plain", "hooked"]) kit.raw.push(...found[key].map((seconds, i) => ["hooks", key, i, seconds, ""].join(",")));
  const ms = (times) => `${(1000 * median(times)).toFixed(1)} ms ± ${(100 * spread(times)).toFixed(0)} %`;
  kit.rows.push({
    case: "overhead of a method's hooks, mini-flux model, batch 128, bf16",
    ours: `${(100 * overhead).toFixed(2)} %`,
    peer: "1 %",
    ratio: 0.01 / Math.max(overhead, 1e-6),
    atLeast: 1,
    note: `${ratios.length} pairs of steps: ${ms(found.plain)} without a method, ${ms(found.hooked)} with one`,
  });
}
