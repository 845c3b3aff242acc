import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Methods } from "../continual/compose.ts";
import { writeSafetensorsSync } from "../models/safetensors-write-sync.ts";
import { tensorSource } from "../models/save.ts";
import type { StepEvent } from "../runs/event.ts";
import { type ObjectStore, objectText, type StoredObject } from "../runs/objects.ts";
import { learningFacts, type PlanContent } from "../runs/plan.ts";
import { readTensors } from "../training/checkpoint.ts";
import type { LearnedState, LearnedTask, TaskSharing } from "../training/sharing.ts";
import { flattenState, unflattenState } from "../training/state-tree.ts";
import { hashOf } from "../util/hash.ts";
import type { Json } from "../util/json.ts";

const tensorsFile = "learned.safetensors";
const stateFile = "state.json";
const stepsFile = "steps.jsonl";

/** Tasks as objects of a store: what their steps led to, and what each step told. */
export function sharedTasks(store: ObjectStore, plan: PlanContent, methods: Methods): TaskSharing {
  const facts = hashOf(learningFacts(plan, methods.inSteps));
  return {
    async take(task, from) {
      const object = hashOf({ kind: "task/1", facts, task, from });
      const stored = store.find(object);
      if (stored === undefined) return { object };
      return "refused" in stored ? { object, refused: stored.refused } : { object, found: await learnedFrom(stored) };
    },
    keep(object, learned) {
      try {
        store.put(object, (path) => writeLearned(path, learned));
        return undefined;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
  };
}

function writeLearned(path: (file: string) => string, { state, steps }: LearnedTask): void {
  const { json, tensors } = flattenState(state, "state");
  writeSafetensorsSync(
    path(tensorsFile),
    [...tensors].map(([name, value]) => tensorSource(name, value)),
  );
  writeFileSync(path(stateFile), JSON.stringify(json));
  writeFileSync(path(stepsFile), steps.map((step) => `${JSON.stringify(step)}\n`).join(""));
}

async function learnedFrom(stored: StoredObject): Promise<LearnedTask> {
  const tensors = (await readTensors(join(stored.folder, tensorsFile))) ?? new Map();
  const lines = objectText(stored, stepsFile).split("\n").filter(Boolean);
  return {
    state: unflattenState(JSON.parse(objectText(stored, stateFile)) as Json, tensors) as LearnedState,
    steps: lines.map((line) => JSON.parse(line) as StepEvent),
  };
}
