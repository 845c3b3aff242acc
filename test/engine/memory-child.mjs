// Runs out of memory in a forward pass, a backward pass and an optimizer step, and goes on. usage: node memory-child.mjs BYTES [uncaught]
// @ts-check
import { setThreads } from "../../dist/engine/facts.js";
import { grad, requireGrad } from "../../dist/engine/grad.js";
import { limitMemory, memory } from "../../dist/engine/memory.js";
import * as ops from "../../dist/engine/ops.js";
import { scope } from "../../dist/engine/scope.js";
import { item, scalar } from "../../dist/engine/tensor.js";
import { exitCodes } from "../../dist/util/errors.js";

const [bytes = "0", mode = "caught"] = process.argv.slice(2);
const limit = Number(bytes);
setThreads(2);
limitMemory(limit);

const mebibyte = 2 ** 18; // float32 entries
/** @param {number} size */
const fill = (size) => ops.full([size * mebibyte], 0.5);

/** @type {Record<string, () => void>} */
const cases = {
  forward: () => void [fill(400), fill(400), fill(400)],
  backward: () => {
    const x = fill(150);
    requireGrad([x]);
    // Holds x, its exponentials and their squares: the gradients of both do not fit any more.
    const y = ops.exp(x);
    const loss = ops.sum(ops.mul(y, ops.sigmoid(y)));
    const pad = fill(200);
    grad([loss], [x]);
    ops.sum(pad);
  },
  optimizer: () => {
    const rows = 260;
    const [weight, first, second] = /** @type {[any, any, any]} */ ([1, 2, 3].map(() => ops.full([rows, mebibyte], 0.5)));
    // A gradient that is a view is copied before it is read, and there the limit lies.
    const gradient = ops.transpose(ops.expand(ops.full([mebibyte, 1], 0.5), [mebibyte, rows]), 0, 1);
    ops.fusedAdamW({
      weights: [weight],
      gradients: [gradient],
      first: [first],
      second: [second],
      copies: [ops.zeros([rows, mebibyte], "bfloat16")],
      rates: [0.1],
      decays: [0],
      betas: [0.9, 0.99],
      epsilon: 1e-8,
      step: 1,
      scale: scalar(1),
    });
  },
};

if (mode === "uncaught")
  try {
    scope(() => cases.forward?.());
  } catch (error) {
    process.exit(exitCodes[/** @type {import("../../src/util/errors.ts").EvergreenError} */ (error).exit]);
  }

const outcome = Object.entries(cases).map(([name, work]) => {
  let error;
  try {
    scope(work);
  } catch (caught) {
    error = /** @type {any} */ (caught);
  }
  const { tensors, live, reserved } = memory();
  const works = scope(() => item(ops.sum(ops.matmul(ops.full([64, 64], 1), ops.full([64, 64], 1)))));
  return { name, code: error?.code, exit: error?.exit, message: error?.message, tensors, live, withinLimit: reserved <= limit, works };
});
process.stdout.write(JSON.stringify(outcome));
