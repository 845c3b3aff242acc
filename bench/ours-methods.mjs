// Evergreen with a method, as one side of a benchmark: a long-lived child with the commands of bench/peers/openclip_methods.py, and those that have no peer.
import { performance } from "node:perf_hooks";
import { compose, replaceStates } from "../dist/continual/compose.js";
import { diagonalFisher } from "../dist/continual/fisher.js";
import { methods as catalogue } from "../dist/continual/method.js";
import { takenRows } from "../dist/continual/reservoir.js";
import { clone, indexSelect, slice } from "../dist/engine/ops.js";
import { keep, release, scope } from "../dist/engine/scope.js";
import { tensor } from "../dist/engine/tensor.js";
import { writeSafetensors } from "../dist/models/safetensors-write.js";
import { tensorSource } from "../dist/models/save.js";
import { objectives } from "../dist/nn/objective.js";
import { learn } from "../dist/training/step.js";
import { createRandom } from "../dist/util/random.js";
import { idsOf } from "./cases.mjs";
import { idle } from "./idle-method.mjs";
import { batchOf, openLearner } from "./ours-model.mjs";
import { serve } from "./serve.mjs";

/** @type {any} */
const state = {};
const random = createRandom(0);

/** Pairs of the pool, in the order of `rows`. Its pixels live until they are released. */
function joined({ pixels, ids, length }, rows) {
  const own = new Int32Array(rows.length * length);
  rows.forEach(({ at }, i) => {
    own.set(ids.subarray(at * length, (at + 1) * length), i * length);
  });
  const places = rows.map(({ at }) => at);
  return {
    pixels: scope(() => keep(indexSelect(pixels, 0, tensor(places, [places.length], "int64")))),
    texts: { ids: own, rows: rows.length, length },
    textOf: Int32Array.from(rows.keys()),
  };
}

const info = ({ at, role, mark }) => ({ id: `pool/${at}`, role, caption: "", ...(mark ? { mark } : {}) });

/** Rows of a step that was asked for; of a later one in roles alone. */
const seen = Object.assign(({ step }) => (state.history[step] ?? []).map(info), {
  roles: ({ task, step }) => (task === 0 && step < state.plan.steps ? state.plan.roles : []),
});

/** What a method is told of the one task. */
function context() {
  const { learner, facts, plan, origin, shape } = state;
  return {
    task: 0,
    steps: plan.steps,
    run: facts,
    model: learner.model,
    learns: (name) => learner.slots.some((slot) => slot.name === name),
    origin: async () => origin,
    seen,
    tokens: (texts) => ({
      ids: Int32Array.from(texts.flatMap((text) => [...idsOf(text, shape)])),
      rows: texts.length,
      length: shape.context,
    }),
    warn(code, message) {
      throw new Error(`${code}: ${message}`);
    },
    async *batches({ maxSamples, batchSize }) {
      const { pixels, ids, rows, length } = state.pool;
      for (let from = 0; from + batchSize <= Math.min(rows, maxSamples); from += batchSize) {
        const texts = { ids: ids.subarray(from * length, (from + batchSize) * length), rows: batchSize, length };
        const own = scope(() => keep(slice(pixels, 0, from, from + batchSize)));
        yield { pixels: own, texts, textOf: Int32Array.from({ length: batchSize }, (_, i) => i) };
        release(own);
      }
    },
  };
}

const seconds = (began) => (performance.now() - began) / 1000;

const commands = {
  async model({ weights, threads = 2, precision = "fp32", lr = 1e-5, method, plan, shape }) {
    const definition = method && (await catalogue.load(method.name));
    const list = definition ? [{ name: method.name, method: definition.build(definition.options.parse(method.options)) }] : [];
    const methods = compose(list);
    const learner = await openLearner({ weights, threads, precision, lr }, methods);
    const facts = { tasks: 1, precision, objective: await objectives.load("clip"), batchSize: plan.roles.length, seed: 0, random };
    const origin = new Map([...learner.model.weights].map(([name, value]) => [name, scope(() => keep(clone(value)))]));
    Object.assign(state, { settings: { threads, precision, lr }, plan, shape, methods, learner, facts, origin });
    Object.assign(state, { history: [], steps: 0, offered: 0 });
    const began = await methods.init(context());
    state.states = await methods.startTask(context(), began);
    replaceStates(began, state.states);
    return {};
  },
  async adapters({ file }) {
    const tensors = [...state.learner.model.adapters.weights];
    await writeSafetensors(
      file,
      tensors.map(([name, value]) => ({ ...tensorSource(name, value), data: tensorSource(name, value).data() })),
    );
    return { file };
  },
  async pool({ file }) {
    state.pool = await batchOf(file);
    return { pairs: state.pool.rows };
  },
  /** Rows are drawn and told before the clock starts: a run's loader draws them ahead. */
  step({ rows: mixture }) {
    const { methods, learner, facts, history, pool } = state;
    const at = { task: 0, step: state.steps };
    history.push(mixture);
    const asked = methods.rows(at, seen, facts);
    const rows = [...mixture, ...asked.map(({ role, from, mark }) => ({ at: history[from.step][from.row].at, role, mark }))];
    const began = performance.now();
    const batch = joined(pool, rows);
    const result = learn(learner, batch, { multiplier: 1, step: state.steps, at, rows: rows.map(info), states: state.states });
    replaceStates(state.states, result.states);
    release(batch.pixels);
    const found = { seconds: seconds(began), loss: result.loss, terms: result.terms, gradientNorm: result.gradientNorm };
    const roles = rows.map(({ role }) => role);
    const { size = 0 } = state.plan;
    const { taken, offered } = takenRows(roles, { offered: state.offered, size }, random);
    Object.assign(state, { states: result.states, steps: state.steps + 1, offered });
    return { ...found, rows, taken };
  },
  /** The Fisher information of the pool's samples, as a file where one is asked for. */
  async fisher({ samples, file }) {
    const run = { ...state.facts, batchSize: samples };
    const began = performance.now();
    const found = await diagonalFisher({ ...context(), run }, { fisher: "sample", maxSamples: samples });
    const spent = seconds(began);
    if (file !== undefined) {
      const tensors = [...found].map(([name, value]) => ({ ...tensorSource(name, value), data: tensorSource(name, value).data() }));
      await writeSafetensors(file, tensors);
    }
    release(found);
    return { seconds: spent };
  },
  /** Steps without a method and with one whose every hook does nothing, in turn, each first as often as the other. */
  async hooks({ weights, file, pairs, warmup, precision = "bf16", threads = 2 }) {
    const pool = await batchOf(file);
    const rows = Array.from({ length: pool.rows }, (_, at) => ({ at, role: "update" }));
    const rowInfos = rows.map(info);
    const facts = { tasks: 1, precision, batchSize: pool.rows, seed: 0, random };
    const open = async (list) => {
      const methods = compose(list);
      const learner = await openLearner({ weights, threads, precision }, methods);
      return { learner, methods, states: await methods.init(undefined), times: [], losses: [] };
    };
    const sides = [await open([]), await open([{ name: "idle", method: idle }])];
    const batch = joined(pool, rows);
    const none = Object.assign(() => [], { roles: () => [] });
    const step = (side, index) => {
      const at = { task: 0, step: index };
      const began = performance.now();
      side.methods.rows(at, none, facts);
      const result = learn(side.learner, batch, { multiplier: 1, step: index, at, rows: rowInfos, states: side.states });
      replaceStates(side.states, result.states);
      side.states = result.states;
      if (index >= warmup) side.times.push(seconds(began));
      side.losses.push(result.loss);
    };
    for (let index = 0; index < warmup + pairs; index++) for (const side of index % 2 === 0 ? sides : sides.toReversed()) step(side, index);
    const [plain, hooked] = sides;
    return { plain: plain.times, hooked: hooked.times, agree: plain.losses.every((loss, i) => loss === hooked.losses[i]) };
  },
};

await serve(commands, () => ({ settings: state.settings }));
