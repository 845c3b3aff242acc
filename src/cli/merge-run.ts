import { statSync } from "node:fs";
import { join } from "node:path";
import { setThreads } from "../engine/facts.ts";
import { defaultMemoryLimit, limitMemory } from "../engine/memory.ts";
import { growthWarning, MergeGrowthError, type TowerGrowth } from "../merging/guard.ts";
import {
  checkAlike,
  describedBy,
  type FilesToMerge,
  type MergeCost,
  type MergeReport,
  mergeCost,
  mergeFiles,
} from "../merging/merge-files.ts";
import { MergeError } from "../merging/operator.ts";
import type { MergeSettings } from "../merging/planned-merge.ts";
import { resolveMerge } from "../merging/settings.ts";
import { checkFilters } from "../merging/weight-filters.ts";
import { type FloatType, storedType } from "../models/float-types.ts";
import { folderForm } from "../models/model-export.ts";
import type { OpenedModel } from "../models/model-folder.ts";
import type { Naming } from "../models/weight-names.ts";
import { openWeights } from "../models/weights-file.ts";
import { codeVersion } from "../pipeline/code-version.ts";
import { formatBytes, formatDuration } from "../util/units.ts";
import { type FoundModel, openNamed, withFolded } from "./merge-models.ts";
import type { MergeRequest } from "./merge-request.ts";
import { makeFolder } from "./model-convert.ts";
import { aside, counted, sayFacts, sayJson } from "./output.ts";
import { checkOutput, writeOutput } from "./output-file.ts";

/** Flags of `evergreen merge` that say what becomes of the result. */
export interface MergeRunFlags {
  readonly out?: string;
  readonly as?: string;
  readonly guard?: string;
  readonly arch?: string;
  readonly runs?: string;
  readonly "dry-run"?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** A request whose files are open and whose parts are found. */
interface ReadyMerge {
  readonly request: MergeRequest;
  /** What was found, adapters not yet folded in. */
  readonly base: FoundModel | undefined;
  readonly models: readonly FoundModel[];
  readonly files: FilesToMerge;
  readonly settings: MergeSettings;
  readonly type: FloatType;
  readonly naming: Naming;
  readonly cost: MergeCost;
}

/** Merges, or says what it would take, and tells about it. Refuses what cannot work before anything is read or written. */
export async function runMerge(request: MergeRequest, flags: MergeRunFlags): Promise<void> {
  limitMemory(defaultMemoryLimit());
  setThreads();
  const ready = await openMerge(request, flags);
  if (flags["dry-run"]) return tellCost(ready, flags);
  const out = flags.out ?? "";
  if (!flags.json && !flags.quiet) for (const note of baseNotes(ready)) aside(note);
  const target = prepareOutput(out, ready);
  const started = performance.now();
  const warnings: string[] = [];
  const accept = (growth: readonly TowerGrowth[]): void => {
    warnings.push(...growthWarnings(growth));
    const [first] = warnings;
    if (first !== undefined && flags.guard === "stop") throw new MergeGrowthError(first);
  };
  const { settings, type, naming } = ready;
  const report = await withFolded(ready, flags, (folded) =>
    mergeFiles(target, { ...ready.files, ...folded }, { settings, type, naming, accept }),
  );
  if (target !== out) writeBeside(out, ready, report);
  const bytes = statSync(target).size;
  const durationMs = performance.now() - started;
  if (flags.json)
    sayJson({
      path: out,
      weights: target,
      ...facts(ready),
      bytes,
      bytesRead: report.bytesRead,
      durationMs,
      growth: report.growth,
      warnings: [...warnings, ...report.notes],
    });
  else if (!flags.quiet) {
    for (const { tower, growth } of report.growth)
      if (growth !== undefined) aside(`${tower}: moved ${growth.toPrecision(3)} times as far from the base as its models`);
    for (const note of report.notes) aside(`warning: ${note}`);
    for (const warning of warnings) aside(`warning: ${warning}; a smaller lambda, or another operator, may do better`);
    aside(
      `wrote ${out}: ${counted(request.models.length, "model")}, ${ready.type}, ${formatBytes(bytes)} in ${formatDuration(durationMs)}`,
    );
  }
}

async function openMerge(request: MergeRequest, flags: MergeRunFlags): Promise<ReadyMerge> {
  // Asynchronous as a whole: of several models that cannot be opened the first is told.
  const open = async (reference: string, own?: string) => openNamed(reference, flags, own);
  const settings = await resolveMerge({
    towers: { image: request.image, text: request.text },
    count: request.models.length,
    hasBase: request.base !== undefined,
    seed: request.seed,
    clampsLogitScale: request.clampsLogitScale,
  });
  checkStatistics(request, settings);
  const [base, ...models] = await Promise.all([
    request.base === undefined ? undefined : open(request.base),
    ...request.models.map((model) => open(model, request.base)),
  ]);
  const found = models.flatMap((model) => model ?? []);
  const statistics = await Promise.all(request.statistics.map((path) => openWeights(path)));
  const files = { base: base?.opened, models: found.map(({ opened }) => opened), ...(statistics.length > 0 ? { statistics } : {}) };
  checkAlike(files, [...(request.base === undefined ? [] : [request.base]), ...request.models]);
  for (const { weights } of [request.image, request.text])
    if (weights && "each" in weights) checkFilters(weights.each, tensorNames(describedBy(files)));
  const type = request.dtype ?? storedType(describedBy(files).entries.values());
  const naming = flags.as === "transformers" ? flags.as : "openclip";
  return { request, base, models: found, files, settings, type, naming, cost: mergeCost(files, settings, type) };
}

const tensorNames = ({ recipes }: OpenedModel): readonly string[] => recipes.map(({ target }) => target);

function checkStatistics({ image, text, statistics }: MergeRequest, { towers }: MergeSettings): void {
  const needs = towers.image.operator.needs ?? towers.text.operator.needs;
  if (needs !== undefined && statistics.length === 0)
    throw new MergeError(
      `${towers.image.operator.needs ? image.operator.name : text.operator.name} needs ${needs} statistics of every model`,
      "name them in a merge file: models: [{model: A, statistics: A-statistics.safetensors}, ...]",
    );
  if (needs === undefined && statistics.length > 0) throw new MergeError("no operator of this merge takes statistics", "leave them away");
}

/** Models that are the base: their task vectors are zeros, which takes part in votes. */
function baseNotes({ request, files: { base, models }, settings: { towers } }: ReadyMerge): readonly string[] {
  if (!base || !(towers.image.operator.usesBase || towers.text.operator.usesBase)) return [];
  const isBase = models.map(
    ({ files }) =>
      files.length === base.files.length && files.every((path, i) => sameFile(statSync(path), statSync(base.files[i] ?? path))),
  );
  return request.models.flatMap((name, i) => (isBase[i] ? [`note: ${name} is the base itself; its task vector is zero`] : []));
}

function growthWarnings(growth: readonly TowerGrowth[]): readonly string[] {
  return growth.flatMap(({ tower, growth: ratio }) => {
    const warning = ratio === undefined ? undefined : growthWarning([ratio]);
    return warning === undefined ? [] : [`${tower} tower: ${warning.message}`];
  });
}

/** Path of the weights file; a folder is made. */
function prepareOutput(out: string, { files, request, naming }: ReadyMerge): string {
  const inputs = [files.base, ...files.models].flatMap((model) => model?.files ?? []);
  if (out.endsWith(".safetensors")) {
    refuseInput(out, inputs, request);
    checkOutput(out);
    return out;
  }
  const form = folderForm(describedBy(files), naming);
  const target = join(out, form.weights);
  refuseInput(target, inputs, request);
  makeFolder(out, [form.weights, ...Object.keys(form.configs), recordName]);
  return target;
}

function refuseInput(target: string, inputs: readonly string[], { models }: MergeRequest): void {
  const found = statSync(target, { throwIfNoEntry: false });
  const same = found && inputs.some((path) => sameFile(found, statSync(path)));
  if (same) throw new MergeError(`${target} is one of the ${models.length} models or the base`, "write to another place");
}
const sameFile = (a: { readonly dev: number; readonly ino: number }, b: { readonly dev: number; readonly ino: number }): boolean =>
  a.dev === b.dev && a.ino === b.ino;

/** What was merged and how, beside the weights. */
const recordName = "merge.json";

function writeBeside(out: string, ready: ReadyMerge, report: MergeReport): void {
  for (const [name, config] of Object.entries(folderForm(describedBy(ready.files), ready.naming).configs))
    writeOutput(join(out, name), [`${JSON.stringify(config, undefined, 2)}\n`]);
  const record = { format: "evergreen-merge/1", code: codeVersion(), ...facts(ready), seed: ready.request.seed, growth: report.growth };
  writeOutput(join(out, recordName), [`${JSON.stringify(record, undefined, 2)}\n`]);
}

function facts({ request: { base, models, image, text }, type }: ReadyMerge) {
  return { ...(base === undefined ? {} : { base }), models, image, text, dtype: type };
}

function tellCost(ready: ReadyMerge, { json, out }: MergeRunFlags): void {
  const { request, cost, type } = ready;
  if (json) {
    sayJson({ ...(out === undefined ? {} : { path: out }), ...facts(ready), ...cost });
    return;
  }
  const nameOf = ({ operator, modifier }: MergeRequest["image"]): string =>
    [operator.name, ...(modifier ? [modifier.name] : [])].join(" + ");
  sayFacts([
    ["image tower", nameOf(request.image)],
    ["text tower", nameOf(request.text)],
    ["models", `${request.models.length}${request.base === undefined ? "" : ` from ${request.base}`}`],
    ["reads", `${formatBytes(cost.bytesRead)} in at most ${cost.passes === 1 ? "1 pass" : `${cost.passes} passes`}`],
    ["writes", `${formatBytes(cost.bytesWritten)}, ${type}`],
    ["holds", `at most ${formatBytes(cost.peakBytes)} of weights at once`],
  ]);
}
