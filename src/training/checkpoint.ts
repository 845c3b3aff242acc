import { existsSync } from "node:fs";
import { join } from "node:path";
import type { MethodStates } from "../continual/compose.ts";
import { clone } from "../engine/ops.ts";
import { keep, scope } from "../engine/scope.ts";
import { mapFile, type StateTree, type Weights } from "../engine/tensor.ts";
import type { Clip } from "../models/clip.ts";
import type { ModelFile } from "../models/ensemble.ts";
import { type LoadedModel, loadModel, tensorTypes } from "../models/load.ts";
import { modelMetadata } from "../models/model-folder.ts";
import type { ImagePreprocess } from "../models/preprocess.ts";
import { readHeader } from "../models/safetensors.ts";
import { writeSafetensorsSync } from "../models/safetensors-write-sync.ts";
import { modelTensors, tensorSource } from "../models/save.ts";
import type { OptimizerState } from "../nn/optimizer.ts";
import type { Json } from "../util/json.ts";
import { flattenState, unflattenState } from "./state-tree.ts";

const modelFile = "model.safetensors";
const startFile = "start.safetensors";
const momentsFile = "optim.safetensors";
const methodFile = "method.safetensors";

/** Where a run stands between two steps. All else (draws, schedule, order of samples) follows from it. */
export interface Position {
  /** −1 before the first task. */
  readonly task: number;
  /** Applied steps of the task. */
  readonly step: number;
  /** `evaluate`: the task's steps are done, its evaluation is not. */
  readonly phase: "train" | "evaluate";
  /** True when the evaluation after the step was interrupted, and is to be made first of all. */
  readonly unevaluated?: true;
}

/** SHA-256 of the file of each expert that is kept, by the expert's name. */
export type ExpertIndex = Readonly<Record<string, string>>;

/** Name of an expert's file in a run's folder `experts`. */
export const expertFile = (name: string, sha256: string): string => `${name}-${sha256.slice(0, 16)}.safetensors`;

/** Files of experts, as a checkpoint's folder sees them. */
export function expertFiles(names: readonly string[], index: ExpertIndex): readonly ModelFile[] {
  return names.map((name) => {
    const sha256 = index[name];
    if (sha256 === undefined) throw new Error(`internal: a method ships the expert ${name}, which it did not keep`);
    return { path: `../../experts/${expertFile(name, sha256)}`, sha256 };
  });
}

/** What a checkpoint's own JSON holds. */
export interface StoredState extends Position {
  /** Absent where no expert is kept. */
  readonly experts?: ExpertIndex;
  /** The methods' states, tensors aside; absent before any method has one. */
  readonly methods?: Json;
}

/** All that a run goes on from. */
export interface TrainingState {
  /** What is shipped: the deployed weights at a task's end, those in training inside of one. */
  readonly model: Clip;
  /** Files of the models that are shipped as one, `model` the last of them; absent where it stands for itself. */
  readonly members?: readonly ModelFile[];
  readonly preprocess: ImagePreprocess;
  /** What training goes on from, where that is something else. */
  readonly start?: Weights;
  /** Parameters of adapters that stay beside it. */
  readonly adapters?: Weights;
  readonly moments: OptimizerState;
  readonly states: MethodStates;
}

/** The JSON of a state, for a checkpoint at `position`. */
export function storedState(position: Position, states: MethodStates, experts: ExpertIndex): StoredState {
  return {
    ...position,
    ...(Object.keys(experts).length > 0 ? { experts } : {}),
    ...(states.length > 0 ? { methods: flattenState(states, "state").json } : {}),
  };
}

/** Writes weights, moments and states into a checkpoint's folder. `path` gives the place of a file. */
export function writeTensors(path: (file: string) => string, state: TrainingState): void {
  const { model, members, preprocess, start, moments } = state;
  writeSafetensorsSync(
    path(modelFile),
    modelTensors(model, "openclip"),
    modelMetadata({
      config: model.config,
      preprocess,
      ...(model.tokenIds ? { tokenIds: model.tokenIds } : {}),
      ...(members ? { members } : {}),
    }),
  );
  const named = Object.entries(moments).flatMap(([kind, weights]) => prefixed(kind, weights));
  for (const [file, weights] of [
    [startFile, [...(start ?? [])]],
    [momentsFile, named],
    [methodFile, methodTensors(state)],
  ] as const)
    if (weights.length > 0)
      writeSafetensorsSync(
        path(file),
        weights.map(([name, value]) => tensorSource(name, value)),
      );
}

const prefixed = (kind: string, weights: Weights) => [...weights].map(([name, value]) => [`${kind}/${name}`, value] as const);

const methodTensors = ({ adapters, states }: Pick<TrainingState, "adapters" | "states">) => [
  ...prefixed("adapters", adapters ?? new Map()),
  ...flattenState(states, "state").tensors,
];

/** Bytes that {@link writeTensors} will write, to within its headers. */
export function checkpointBytes(state: Omit<TrainingState, "preprocess">): number {
  const { model, start, moments } = state;
  const tensors = [
    ...model.weights.values(),
    ...model.buffers.values(),
    ...(start?.values() ?? []),
    ...Object.values(moments).flatMap((weights) => [...weights.values()]),
    ...methodTensors(state).map(([, value]) => value),
  ];
  return tensors.reduce((sum, value) => sum + value.size * (value.dtype === "int64" ? 8 : 4), 1 << 20);
}

/** A checkpoint, read; all its tensors live until they are released. */
export interface ReadState {
  readonly loaded: LoadedModel;
  readonly start?: Weights;
  readonly adapters?: Weights;
  readonly moments?: OptimizerState;
  readonly states?: MethodStates;
}

/** Weights, moments and states of a checkpoint, as they were. */
export async function readState(folder: string, methods: Json | undefined): Promise<ReadState> {
  const loaded = await loadModel(join(folder, modelFile), { ofEnsemble: true });
  const [start, moments, method] = await Promise.all([startFile, momentsFile, methodFile].map((file) => readTensors(join(folder, file))));
  const adapters = method && below(method, "adapters");
  return {
    loaded,
    ...(start ? { start } : {}),
    ...(adapters && adapters.size > 0 ? { adapters } : {}),
    ...(moments ? { moments: byKind(moments) } : {}),
    ...(methods === undefined ? {} : { states: unflattenState(methods, method ?? new Map()) as readonly StateTree[] }),
  };
}

const below = (tensors: Weights, prefix: string): Weights =>
  new Map(
    [...tensors].flatMap(([name, value]) => (name.startsWith(`${prefix}/`) ? [[name.slice(prefix.length + 1), value] as const] : [])),
  );

function byKind(tensors: Weights): OptimizerState {
  const kinds = new Set([...tensors.keys()].map((name) => name.slice(0, name.indexOf("/"))));
  return Object.fromEntries([...kinds].map((kind) => [kind, below(tensors, kind)]));
}

/** Copies of all tensors of a file, in its order; undefined where there is no file. They live until they are released. */
export async function readTensors(file: string): Promise<Weights | undefined> {
  if (!existsSync(file)) return undefined;
  const { entries } = await readHeader(file);
  return scope(() =>
    keep(
      new Map(
        entries.map(({ name, path, offset, shape, dtype }) => [
          name,
          scope(() => clone(mapFile(path, { offset, dtype: tensorTypes[dtype], shape }))),
        ]),
      ),
    ),
  );
}
