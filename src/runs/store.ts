import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { sweepTemporary, syncFolder, writeFileAtomic } from "../util/atomic-file.ts";
import { failpoint } from "../util/failpoint.ts";
import { sha256 } from "../util/hash.ts";
import {
  type Checkpoint,
  checkpointNames,
  compareAge,
  type JournalName,
  journalFiles,
  newestCheckpoint,
  type RefusedCheckpoint,
  verifyCheckpoint,
} from "./checkpoint.ts";
import { pointLatest, prune, type Retention, setAside } from "./checkpoint-write.ts";
import type { RunEnvironment } from "./environment.ts";
import { formatted } from "./formats.ts";
import { truncateJournal } from "./journal.ts";
import type { RunLock } from "./lock.ts";
import type { LogOptions } from "./log.ts";
import { thisMachine } from "./machine.ts";
import type { PlanContent } from "./plan.ts";
import { isRunId, newRunId } from "./run-id.ts";
import { RunReader } from "./run-reader.ts";
import { holdsRun, type RunAttempt, readRecord, writeRecord } from "./run-record.ts";
import { RunWriter, savedEvent, type WriterOptions } from "./run-writer.ts";
import { CheckpointError, RunConflictError, RunExistsError, RunLookupError, storing } from "./store-error.ts";

export interface StoreOptions {
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
  readonly random?: (bytes: number) => Uint8Array;
  readonly freeBytes?: (folder: string) => number;
}

/** What a new run folder is made of. */
export interface NewRun {
  /** Held for the folder, which it has made. */
  readonly lock: RunLock;
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly plan: StorablePlan;
  /** Text of config.yaml; see `renderConfig`. */
  readonly config: string;
  /** Texts as the user gave them. */
  readonly inputs: readonly { readonly name: string; readonly text: string }[];
  readonly environment: RunEnvironment;
  readonly retention: Retention;
  readonly versions: Readonly<Record<string, string>>;
  readonly git?: string;
  readonly parents?: readonly string[];
  /** See `pathHints`. */
  readonly paths?: Readonly<Record<string, string>>;
  readonly log?: LogOptions;
}

/** A plan; its configuration, if it holds one, is not stored beside it. */
type StorablePlan = Omit<PlanContent, "spec"> & { readonly hash: string };

export interface ResumeRequest {
  readonly lock: RunLock;
  readonly retention: Retention;
  /** Name of the checkpoint to go back to; the newest good one when absent. */
  readonly from?: string;
  /** What the run goes on with where that was allowed to differ: the next resume is held against it. */
  readonly plan?: StorablePlan;
  readonly log?: LogOptions;
}

export interface ResumedRun {
  readonly writer: RunWriter;
  /** Undefined when the run died before its first checkpoint: it starts from the beginning. */
  readonly checkpoint?: Checkpoint;
  /** Torn or altered checkpoints that were passed over. */
  readonly refused: readonly RefusedCheckpoint[];
}

/** A run folder that cannot be read. */
export interface UnreadableRun {
  readonly folder: string;
  readonly reason: string;
}

/** The folder of all runs: `<root>/<project>/<id>/`. */
export class RunStore {
  readonly root: string;
  private readonly clock: () => number;
  private readonly random: (bytes: number) => Uint8Array;
  private readonly freeBytes: ((folder: string) => number) | undefined;

  constructor(root: string, { clock = Date.now, random = randomBytes, freeBytes }: StoreOptions = {}) {
    this.root = resolve(root);
    this.clock = clock;
    this.random = random;
    this.freeBytes = freeBytes;
  }

  /** A fresh id for a run of that name. */
  newId(name: string): string {
    return newRunId(name, this.clock(), this.random(4));
  }

  /** Where a run of the project lies or will lie. @throws {RunLookupError} when the id cannot be a folder's name. */
  folderOf(project: string, id: string): string {
    for (const part of [project, id])
      if (!isRunId(part)) throw new RunLookupError(`"${part}" cannot be a run's name`, "use letters, digits, dots, dashes and underscores");
    return join(this.root, project, id);
  }

  /**
   * Makes a run folder and opens it for writing. run.json is written last, so a folder left by a death on the way is no run and is made anew.
   * @throws {RunExistsError}
   */
  create(run: NewRun): RunWriter {
    const folder = this.folderOf(run.project, run.id);
    run.lock.assertHeld();
    if (holdsRun(folder)) throw new RunExistsError(run.id, run.project);
    return storing(`run ${run.id}`, () => {
      clearUnfinished(folder);
      failpoint("create:folder");
      mkdirSync(join(folder, "config.input"));
      mkdirSync(join(folder, "checkpoints"));
      for (const { name, text } of run.inputs) writeFileAtomic(join(folder, "config.input", name), text, "config-input");
      writeFileAtomic(join(folder, "config.yaml"), run.config, "config");
      writePlan(folder, run.plan);
      writeFileAtomic(join(folder, "env.json"), formatted("env", run.environment), "env");
      const writer = new RunWriter(folder, this.writerOptions(run));
      writeRecord(folder, this.newRecord(run));
      syncFolder(join(this.root, run.project));
      syncFolder(this.root);
      return writer;
    });
  }

  /**
   * Opens a run for more writing: finds the checkpoint, cuts the journals back to it and puts aside what came after.
   * @throws {CheckpointError} when there are checkpoints and none can be used.
   */
  resume(folder: string, request: ResumeRequest): ResumedRun {
    request.lock.assertHeld();
    const record = readRecord(folder);
    const { checkpoint, refused } = request.from === undefined ? newestCheckpoint(folder) : named(folder, request.from);
    if (!checkpoint && refused.length > 0) {
      const reasons = refused.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
      throw new CheckpointError(`no checkpoint of ${record.id} can be used (${reasons})`, "restore one from a copy, or start a new run");
    }
    return storing(`run ${record.id}`, () => {
      cutBack(folder, checkpoint);
      if (request.plan) writePlan(folder, request.plan);
      const writer = new RunWriter(folder, this.writerOptions(request));
      if (checkpoint) {
        writer.append(savedEvent(checkpoint));
        prune({ runFolder: folder, retention: request.retention }, checkpoint.name);
      }
      for (const { name, reason } of refused) writer.note("warn", `checkpoint ${name} was refused`, { reason });
      const attempt = { ...this.newAttempt(), ...(checkpoint ? { from: checkpoint.name } : {}) };
      const { exit: _, ...rest } = record;
      writeRecord(folder, { ...rest, state: "running", attempts: [...record.attempts, attempt], updated: attempt.started });
      return { writer, refused, ...(checkpoint ? { checkpoint } : {}) };
    });
  }

  /** Every run, newest first, and the folders that hold one that cannot be read. */
  list(project?: string): { readonly runs: readonly RunReader[]; readonly unreadable: readonly UnreadableRun[] } {
    const unreadable: UnreadableRun[] = [];
    const dated: (readonly [string, RunReader])[] = [];
    for (const folder of this.folders(project)) {
      try {
        dated.push([readRecord(folder).created, new RunReader(folder)]);
      } catch (error) {
        unreadable.push({ folder, reason: error instanceof Error ? error.message : String(error) });
      }
    }
    const newestFirst = ([a, x]: readonly [string, RunReader], [b, y]: readonly [string, RunReader]): number =>
      a === b ? (x.folder < y.folder ? 1 : -1) : a < b ? 1 : -1;
    return { runs: dated.sort(newestFirst).map(([, reader]) => reader), unreadable };
  }

  /**
   * The run that a person means: `latest`, an id, the unique end of one (`k3fq`), or a path to its folder.
   * @throws {RunLookupError} when there is none or more than one.
   */
  find(reference: string, project?: string): RunReader {
    if (/[/\\]/.test(reference) || reference === ".") return this.atPath(reference);
    if (reference === "latest") {
      const [latest] = this.list(project).runs;
      if (!latest) throw new RunLookupError(`there is no run in ${project ?? "any project"}`, "start one with: evergreen train");
      return latest;
    }
    const folders = this.folders(project);
    const idOf = (folder: string): string => folder.slice(folder.lastIndexOf(sep) + 1);
    const exact = folders.filter((folder) => idOf(folder) === reference);
    const found = exact.length > 0 ? exact : folders.filter((folder) => reference !== "" && idOf(folder).endsWith(reference));
    const [folder] = found;
    if (!folder) return existsSync(join(reference, "run.json")) ? this.atPath(reference) : this.none(reference);
    if (found.length === 1) return new RunReader(folder);
    throw new RunLookupError(
      `"${reference}" fits ${found.length} runs: ${found.map(idOf).slice(0, 5).join(", ")}`,
      "give more of the id, or a --project",
    );
  }

  private none(reference: string): never {
    throw new RunLookupError(`no run is called "${reference}"`, "list them with: evergreen ls");
  }

  private atPath(path: string): RunReader {
    if (!holdsRun(resolve(path))) throw new RunLookupError(`${path} holds no run.json`, "give the folder of a run");
    return new RunReader(resolve(path));
  }

  private folders(project?: string): readonly string[] {
    const projects = project === undefined ? subfolders(this.root) : [join(this.root, project)];
    return projects.flatMap(subfolders).filter(holdsRun);
  }

  private writerOptions({ lock, retention, log }: Pick<NewRun, "lock" | "retention" | "log">): WriterOptions {
    return { lock, retention, clock: this.clock, ...(log ? { log } : {}), ...(this.freeBytes ? { freeBytes: this.freeBytes } : {}) };
  }

  private newAttempt(): RunAttempt {
    return { started: new Date(this.clock()).toISOString(), pid: process.pid, host: thisMachine().host };
  }

  private newRecord({ id, name, project, plan, versions, git, parents = [], paths = {} }: NewRun): Parameters<typeof writeRecord>[1] {
    const attempt = this.newAttempt();
    const times = { created: attempt.started, updated: attempt.started };
    return {
      id,
      name,
      project,
      state: "running",
      planHash: plan.hash,
      ...times,
      ...(git ? { git } : {}),
      versions,
      parents,
      attempts: [attempt],
      paths,
    };
  }
}

const begun =
  /^(config\.(yaml|input)|plan\.json|env\.json|run\.json|checkpoints|eval|samples|(events|metrics|log[.\w]*)\.jsonl)(\.\d+\.tmp)?$/;

/** Removes what a death left of a run that was being made. A folder with anything else in it is somebody's, and is left alone. */
function clearUnfinished(folder: string): void {
  const names = readdirSync(folder).filter((name) => !name.startsWith("LOCK"));
  const foreign = names.find((name) => !begun.test(name));
  if (foreign) throw new RunConflictError(`${folder} holds ${foreign}, which is no part of a run`, "choose another --run");
  for (const name of names) rmSync(join(folder, name), { recursive: true });
}

function subfolders(folder: string): readonly string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() || entry.isSymbolicLink() ? [join(folder, entry.name)] : [],
  );
}

function named(folder: string, name: string): { readonly checkpoint?: Checkpoint; readonly refused: readonly RefusedCheckpoint[] } {
  if (!checkpointNames(folder).includes(name))
    throw new RunLookupError(`the run has no checkpoint ${name}`, `it has ${checkpointNames(folder).join(", ") || "none"}`);
  const result = verifyCheckpoint(folder, name);
  return "reason" in result ? { refused: [result] } : { checkpoint: result, refused: [] };
}

/** Makes the folder what it was when the checkpoint was complete, or when the run began. */
function cutBack(folder: string, checkpoint: Checkpoint | undefined): void {
  for (const inner of [".", "checkpoints", "eval/items", "experts"]) sweepTemporary(join(folder, inner));
  const later = checkpointNames(folder).filter((name) => !checkpoint || compareAge(name, checkpoint.name) > 0);
  setAside(folder, later);
  if (checkpoint) {
    const { name, task, step } = checkpoint;
    pointLatest(folder, { name, task, step, manifest: sha256(readFileSync(join(checkpoint.folder, "manifest.json"))) });
  }
  for (const name of Object.keys(journalFiles) as JournalName[])
    truncateJournal(join(folder, journalFiles[name]), checkpoint?.journals[name] ?? 0);
}

function writePlan(folder: string, plan: StorablePlan): void {
  const { spec: _, ...stored } = plan as PlanContent & { readonly hash: string };
  writeFileAtomic(join(folder, "plan.json"), formatted("plan", stored), "plan");
}
