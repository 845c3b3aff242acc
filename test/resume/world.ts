import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { release } from "../../src/engine/scope.ts";
import { architecture } from "../../src/models/architecture.ts";
import { initialiseModel } from "../../src/models/load.ts";
import { saveModel } from "../../src/models/save.ts";
import { presetFolder } from "../../src/pipeline/preset-folder.ts";
import { checkpointName, verifyCheckpoint } from "../../src/runs/checkpoint.ts";
import { type RunDigests, RunReader } from "../../src/runs/run-reader.ts";
import type { SpecRequest } from "../../src/runs/spec.ts";
import { createRandom } from "../../src/util/random.ts";

/** A folder with pictures to stream, pictures of a pool, a model to start from and a run file. */
export interface World {
  readonly folder: string;
  readonly root: string;
  readonly runFile: string;
  remove(): void;
}

/** Three tasks of so many steps each; a checkpoint after every step. */
export const stepsPerTask = 4;
export const tasks = 3;
export const lastStep = stepsPerTask * tasks;
export const project = "p";

const configuration = `version: 1
name: exact
project: ${project}
model: {arch: mini-flux, init: ./start.safetensors}
stream: {from: ./photos, tasks: ${tasks}, order: given}
data: {pretraining: {from: ./pool}, batch_size: 16, workers: 1}
budget: {per_task: ${stepsPerTask} steps}
optim: {name: adamw, lr: 1e-3}
engine: {threads: 2}
checkpoint: {every: 1ms, keep_last: 3}
`;

/** Memory where there is some: flushing to a disk a thousand times proves nothing more about a killed process. */
export async function makeWorld(): Promise<World> {
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "evergreen-run-"));
  await paint(join(folder, "photos/train"), { classes: 6, each: 5, first: 0 });
  await paint(join(folder, "photos/test"), { classes: 6, each: 3, first: 100 });
  await paint(join(folder, "pool/train"), { classes: 4, each: 6, first: 200 });
  const { model, preprocess } = initialiseModel(architecture("mini-flux"), createRandom(3), miniFluxIds());
  await saveModel(join(folder, "start.safetensors"), model, { preprocess });
  release(model);
  const runFile = join(folder, "run.yaml");
  writeFileSync(runFile, configuration);
  return { folder, root: join(folder, "runs"), runFile, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Words of the captions, in the tokenizer's ids, and what else the small table needs to have as many rows as the architecture says. */
function miniFluxIds(): readonly number[] {
  const { vocabSize } = architecture("mini-flux").text;
  return Array.from({ length: vocabSize }, (_, i) => (i < vocabSize - 2 ? i * 13 : 49406 + i - (vocabSize - 2)));
}

/** PNG files of a colour and a stripe that follow from class and number. */
async function paint(
  folder: string,
  { classes, each, first }: { readonly classes: number; readonly each: number; readonly first: number },
): Promise<void> {
  for (let kind = 0; kind < classes; kind++) {
    const place = join(folder, `kind-${kind}`);
    mkdirSync(place, { recursive: true });
    for (let number = first; number < first + each; number++) await picture(join(place, `${number}.png`), kind, number);
  }
}

export async function picture(path: string, kind: number, number: number): Promise<void> {
  const side = 40;
  const pixels = new Uint8Array(side * side * 3);
  for (let at = 0; at < pixels.length; at++) {
    const [x, y, channel] = [Math.floor(at / 3) % side, Math.floor(at / 3 / side), at % 3];
    pixels[at] = (kind * 37 * (channel + 1) + number * 11 + (x > number % side ? 90 : 0) + y * (kind % 3)) % 256;
  }
  await sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toFile(path);
}

/** The world's run file with settings over it. */
export function request(world: World, set: readonly string[] = []): SpecRequest {
  return { files: [world.runFile], set, env: {}, cwd: world.folder, presets: presetFolder };
}

/** What two runs have in common when they are the same run: the last weights, weights and moments inside of a task, and all they stored beside. */
export interface Outcome extends RunDigests {
  /** SHA-256 of the tensors of the last state and of the last one inside of a task. */
  readonly tensors: Readonly<Record<string, string>>;
}

const compared: readonly (readonly [string, readonly string[]])[] = [
  [checkpointName(tasks, lastStep), ["model.safetensors"]],
  [checkpointName(tasks - 1, lastStep - 1), ["model.safetensors", "optim.safetensors"]],
];

/** What a finished run's folder holds. @throws when it is not at the stream's end, or a checkpoint is torn. */
export function outcome(folder: string): Outcome {
  const reader = new RunReader(folder);
  const { state } = reader.record();
  if (state !== "done") throw new Error(`${folder} is ${state}`);
  const tensors = compared.flatMap(([name, files]) => {
    const checkpoint = verifyCheckpoint(folder, name);
    if ("reason" in checkpoint) throw new Error(`${name}: ${checkpoint.reason}`);
    return files.map((file) => [`${name}/${file}`, checkpoint.manifest.files[file]?.sha256 ?? "absent"] as const);
  });
  return { ...reader.digests(), tensors: Object.fromEntries(tensors) };
}
