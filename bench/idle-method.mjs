/**
 * A method that has every hook and does nothing. It asks for no copies of the weights (`needsBefore`) and no scores: these are work that a method orders, not what calling it costs.
 * @type {import("../src/continual/method.ts").Method<Record<string, never>>}
 */
export const idle = {
  budget: {},
  adapt: () => ({ weights: new Map(), sites: new Map() }),
  trainable: () => true,
  group: () => ({}),
  init: () => ({}),
  startTask: (_task, state) => state,
  mostRows: () => 0,
  rows: () => [],
  contrastive: (role) => role !== "reservoir" && role !== "reference",
  loss: () => ({}),
  penalty: () => undefined,
  gradients: (gradients) => gradients,
  afterStep: (_step, state) => state,
  rewrite: () => undefined,
  endTask: (_task, state) => state,
  expert: (trained) => trained,
  flow: () => ({}),
  shipped: (_deployed, _task, state) => state,
};
