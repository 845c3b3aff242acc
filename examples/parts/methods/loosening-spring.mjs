// A method: hooks around tasks and steps (docs/add-a-method.md lists them all). What is not named here is as in plain fine-tuning.
//
//   plugins: [./parts]
//   methods: [{name: loosening-spring, stiffness: 0.1, end: 0}]

import { defineMethod, learnedSnapshot, spring, z } from "evergreen";

export default defineMethod({
  summary: "A spring to the weights that each task starts from; it loosens in the course of the task.",
  source: "the penalty of arXiv:1802.01483, eq. 2, under a stiffness that falls linearly over a task's steps",
  when: "A task is to begin carefully and end freely.",
  cost: "A pass over the weights each step; one more copy of what learns.",
  options: z.strictObject({
    stiffness: z.number().min(0).default(0.05).describe("k of the spring at a task's first step: k/2 · Σ (θ − θ*)²"),
    end: z.number().min(0).max(1).default(0.2).describe("what is left of it at the task's last step, as a share"),
  }),
  build: ({ stiffness, end }) => ({
    // Its memory is in no published table: a plan meters it.
    budget: {},
    // A state holds tensors, numbers, texts, lists and maps. Every checkpoint has it, so a run goes on to the same bits.
    init: () => ({ anchor: new Map(), steps: 1, now: stiffness }),
    // A model's weights are borrowed; a snapshot copies those that learn.
    startTask: (task) => ({ anchor: learnedSnapshot(task), steps: task.steps, now: stiffness }),
    // Value and gradient of the pull on one weight; it is added to the loss and to the weight's gradient.
    penalty: (name, weight, { anchor, now }) => {
      const from = anchor.get(name);
      return from && spring(weight, from, { stiffness: now });
    },
    // Hooks write to nothing: the next state is a new one.
    afterStep: ({ at }, state) => {
      const passed = Math.min(1, (at.step + 1) / Math.max(1, state.steps - 1));
      return { ...state, now: stiffness * (1 + (end - 1) * passed) };
    },
  }),
});
