// Makes drawn calls and says what became of each. usage: node fuzz-child.mjs RECORDING PROGRESS CALLS FROM_OPERATOR FROM_INDEX
// @ts-check
import { openSync, readFileSync, writeSync } from "node:fs";
import { EngineError } from "../../dist/engine/engine-error.js";
import { setThreads } from "../../dist/engine/facts.js";
import { grad, requireGrad } from "../../dist/engine/grad.js";
import { limitMemory, memory } from "../../dist/engine/memory.js";
import { operator } from "../../dist/engine/operator.js";
import * as ops from "../../dist/engine/ops.js";
import { release, scope } from "../../dist/engine/scope.js";
import { Tensor, tensor } from "../../dist/engine/tensor.js";
import { EvergreenError } from "../../dist/util/errors.js";
import { draw, randomOf } from "./fuzz-arguments.mjs";

const [recording = "", progress = "", calls = "0", fromOperator = "0", fromIndex = "0"] = process.argv.slice(2);
/** @type {[string, any[][]][]} */
const recorded = JSON.parse(readFileSync(recording, "utf8"));
const file = openSync(progress, "w");
/** Where the process is, written before each call: what it says after a crash is the call that did it. @param {number} i @param {number} j */
const note = (i, j) => void writeSync(file, `${String(i).padStart(6)} ${String(j).padStart(8)}`, 0);

setThreads(2);
limitMemory(256 * 2 ** 20);

/** @param {import("./fuzz-arguments.mjs").TensorPlan} plan @returns {Tensor} */
function build(plan) {
  const { shape, dtype, values, layout, device = "cpu", fill } = plan;
  const size = shape.reduce((product, length) => product * length, 1);
  if (device === "meta") return ops.zeros(shape, /** @type {any} */ (dtype), "meta");
  const random = randomOf(`${size}`);
  const entry = () => (fill === "nan" ? Number.NaN : fill === "zero" ? 0 : fill === "huge" ? 3e38 : 2 * random() - 1);
  const made = /** @type {Tensor} */ (
    values?.length === size
      ? tensor(values, shape, /** @type {any} */ (dtype))
      : ops.to(tensor(Float32Array.from({ length: size }, entry), shape, "float32"), /** @type {any} */ (dtype))
  );
  if (layout === "transposed" && shape.length > 1) return ops.transpose(made, 0, shape.length - 1);
  if (layout === "expanded") return ops.expand(made, [3, ...shape]);
  if (layout === "strided" && shape.length > 0) return ops.slice(ops.concat([made, made], 0), 0, 1, 1 + (shape[0] ?? 0));
  if (layout === "offset" && shape.length > 0) return ops.slice(made, shape.length - 1, 1, 1e6);
  if (layout === "channels-last" && shape.length === 4) return ops.permute(ops.contiguous(ops.permute(made, [0, 2, 3, 1])), [0, 3, 1, 2]);
  return made;
}

const freed = scope(() => {
  const dead = ops.zeros([2]);
  release(dead);
  return dead;
});

/** @param {any} plan @returns {any} */
function argument(plan) {
  if (Array.isArray(plan)) return plan.map(argument);
  if (plan === null || typeof plan !== "object") return plan;
  if ("tensor" in plan) return build(plan.tensor);
  return "freed" in plan ? freed : plan;
}

/** @param {string} name @param {any[]} plans @param {boolean} backward */
function call(name, plans, backward) {
  const args = plans.map(argument);
  /** @type {Tensor[]} */
  const tensors = args.flat().filter((/** @type {unknown} */ each) => each instanceof Tensor && each !== freed);
  const leaves = backward ? tensors.filter(({ dtype }) => /float/.test(dtype)) : [];
  if (!/_$/.test(name.split(".")[0] ?? "")) requireGrad(leaves);
  const results = operator(name)(...args);
  const first = results.flat().find((/** @type {unknown} */ each) => each instanceof Tensor && /float/.test(each.dtype) && each.size < 1e6);
  if (backward && leaves.length > 0 && first instanceof Tensor) grad([ops.sum(first)], leaves);
}

/** @type {Record<string, object>} */
const counts = {};
recorded.forEach(([name, lists], i) => {
  if (i < Number(fromOperator)) return;
  /** @type {{ calls: number, typed: number, succeeded: number, other: string[], leaked: string[] }} */
  const count = { calls: 0, typed: 0, succeeded: 0, other: [], leaked: [] };
  counts[name] = count;
  const first = i === Number(fromOperator) ? Number(fromIndex) : 0;
  for (let j = first; j < Number(calls); j++) {
    note(i, j);
    const { args, backward } = draw(name, j, lists);
    const before = memory().tensors;
    count.calls++;
    try {
      scope(() => call(name, args, backward));
      count.succeeded++;
    } catch (error) {
      if (error instanceof EngineError || error instanceof EvergreenError) count.typed++;
      else count.other.push(`call ${j}: ${error}`.slice(0, 300));
    }
    if (memory().tensors !== before) count.leaked.push(`call ${j}: ${memory().tensors - before} tensors`);
  }
});
process.stdout.write(JSON.stringify(counts), () => process.exit(0));
