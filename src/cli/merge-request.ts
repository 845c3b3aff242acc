import { resolve } from "node:path";
import type { TowerChoice, WeightChoice } from "../merging/settings.ts";
import { type Recency, recencies } from "../merging/shares.ts";
import type { ModelWeight } from "../merging/weight-filters.ts";
import { UsageError } from "../util/errors.ts";
import { wholeNumber } from "./command.ts";
import { emptyMergeFile, type MergeFile, readMergeFile } from "./merge-file.ts";

/** Flags of `evergreen merge` that say what is merged and how. */
export interface MergeFlags {
  readonly config?: string;
  readonly method?: string;
  readonly base?: string;
  readonly weights?: string;
  readonly "by-age"?: string;
  readonly reverse?: boolean;
  readonly "include-base"?: boolean;
  readonly set?: readonly string[];
  readonly lines?: boolean;
  readonly "no-clamp"?: boolean;
  readonly dtype?: string;
  readonly seed?: string;
}

/** A merge by names: models as a person names them, operators with their options. */
export interface MergeRequest {
  readonly base: string | undefined;
  /** Oldest first, the base in front where it is to take part. */
  readonly models: readonly string[];
  /** One a model, or none. */
  readonly statistics: readonly string[];
  readonly image: TowerChoice;
  readonly text: TowerChoice;
  readonly dtype: MergeFile["dtype"];
  readonly seed: number;
  readonly clampsLogitScale: boolean;
}

/** A request from a file and flags over it. @throws {UsageError} or {ConfigError} */
export function mergeRequest(models: readonly string[], flags: MergeFlags): MergeRequest {
  const file = withFlags(flags.config === undefined ? emptyMergeFile(models) : readMergeFile(flags.config), models, flags);
  const named = withoutBase(file.models.map(withName), file.base_model);
  const isBaseIn = file.weights?.include_base === true;
  if (isBaseIn && file.base_model === undefined) throw new UsageError("the base is to take part, but none is named", "add --base MODEL");
  const statistics = named.flatMap((each) => each.statistics ?? []);
  if (statistics.length > 0 && statistics.length < named.length)
    throw new UsageError(`${statistics.length} of ${named.length} models have statistics`, "give every model its own, or none");
  const list = [...(isBaseIn && file.base_model !== undefined ? [file.base_model] : []), ...named.map((each) => each.model)];
  const shares = { ...shareOf(named, "density"), ...shareOf(named, "gamma") };
  const told = { ...file, parameters: { ...shares, ...file.parameters } };
  const tower = (side: "image" | "text"): TowerChoice => towerChoice(told, side, weightsOf(named, file));
  return {
    base: file.base_model,
    models: list,
    statistics,
    image: tower("image"),
    text: tower("text"),
    dtype: file.dtype,
    seed: file.seed,
    clampsLogitScale: file.clamp_logit_scale,
  };
}

function withFlags(file: MergeFile, models: readonly string[], flags: MergeFlags): MergeFile {
  const numbers = flags.weights === undefined ? undefined : flags.weights.split(",").map(weightNumber);
  const named = models.length > 0 ? models : file.models;
  if (numbers && numbers.length !== named.length)
    throw new UsageError(
      `--weights ${flags.weights}: ${numbers.length} numbers for ${named.length} models`,
      "give one a model, as 0.3,0.7",
    );
  const weighted = numbers ? named.map((each, i) => ({ ...withName(each), parameters: { weight: numbers[i] as number } })) : [...named];
  const age = flags["by-age"] === undefined ? file.weights?.by_age : recencyOf(flags["by-age"]);
  const isBaseIn = flags["include-base"] ?? file.weights?.include_base ?? false;
  return {
    ...file,
    models: weighted,
    parameters: { ...file.parameters, ...Object.fromEntries((flags.set ?? []).map(setting)) },
    ...(flags.method === undefined ? {} : { merge_method: flags.method }),
    ...(flags.base === undefined ? {} : { base_model: flags.base }),
    ...(age === undefined && !isBaseIn
      ? {}
      : { weights: { by_age: age ?? "uniform", reverse: flags.reverse ?? file.weights?.reverse ?? false, include_base: isBaseIn } }),
    ...(flags.lines ? { lines: file.lines ?? {} } : {}),
    ...(flags["no-clamp"] ? { clamp_logit_scale: false } : {}),
    ...(flags.dtype === undefined ? {} : { dtype: flags.dtype as MergeFile["dtype"] }),
    ...(flags.seed === undefined ? {} : { seed: wholeNumber("seed", flags.seed, 0) }),
  };
}

function recencyOf(name: string): Recency {
  const found = recencies.find((each) => each === name);
  if (!found) throw new UsageError(`--by-age ${name}: expected one of ${recencies.join(", ")}`, "as --by-age linear");
  return found;
}

type Named = Exclude<MergeFile["models"][number], string>;
const withName = (model: MergeFile["models"][number]): Named => (typeof model === "string" ? { model } : model);

/** As in mergekit, a base that is listed among models with parameters and has none itself is none of them. */
function withoutBase(named: readonly Named[], base: string | undefined): readonly Named[] {
  const isToldOf = named.some(({ parameters }) => parameters !== undefined);
  return isToldOf ? named.filter(({ model, parameters }) => model !== base || parameters !== undefined) : named;
}

/** A share of a trim that models have, each the same. @throws {UsageError} where they differ */
function shareOf(named: readonly Named[], key: "density" | "gamma"): Readonly<Record<string, number>> {
  const given = named.map(({ parameters }) => parameters?.[key]);
  const [first] = given;
  if (given.some((share) => share !== first))
    throw new UsageError(
      `models differ in their ${key}: ${given.map((share) => share ?? "none").join(", ")}`,
      `give all of them one: parameters: {${key}: ...}`,
    );
  return first === undefined ? {} : { [key]: first };
}

/** Weights of the models as one choice; undefined where nobody gave any. */
function weightsOf(named: readonly Named[], { weights, parameters, base_model: base }: MergeFile): WeightChoice | undefined {
  const given = named.map((each) => each.parameters?.weight as ModelWeight | undefined);
  const each = given.filter((weight) => weight !== undefined);
  if (each.length > 0 && each.length < named.length)
    throw new UsageError(`${each.length} of ${named.length} models have a weight`, "give every model one, or none");
  if (each.length > 0 && weights) throw new UsageError("models have weights, and weights by age are asked for", "keep one of both");
  if (weights) return { recency: weights.by_age as Recency, reverse: weights.reverse };
  if (typeof parameters.t === "number") return { each: wayOf(parameters.t, named, base) };
  return each.length > 0 ? { each, normalize: parameters.normalize === true } : undefined;
}

/** As in mergekit: how far slerp goes from the base to the other model. Where the base is none of the two, from the first to the second. */
function wayOf(t: number, [first, second]: readonly Named[], base: string | undefined): readonly number[] {
  const isBase = (each: Named | undefined): boolean => each !== undefined && base !== undefined && resolve(each.model) === resolve(base);
  return isBase(second) && !isBase(first) ? [t, 1 - t] : [1 - t, t];
}

/** Operators that mergekit has under another name. Others differ in the sign between words alone. */
const otherNames: ReadonlyMap<string, string> = new Map([
  ["dare_linear", "dare"],
  ["karcher", "multislerp"],
  ["nuslerp", "slerp"],
]);
const operatorName = (name: string): string => otherNames.get(name) ?? name.replaceAll("_", "-");

function towerChoice(file: MergeFile, side: "image" | "text", weights: WeightChoice | undefined): TowerChoice {
  const own = file.towers[side];
  const isOther = own?.merge_method !== undefined && own.merge_method !== file.merge_method;
  // How mergekit stores its masks changes nothing of what is merged.
  const { t: _, int8_mask: __, ...options } = { ...(isOther ? {} : file.parameters), ...own?.parameters };
  return {
    operator: { name: operatorName(own?.merge_method ?? file.merge_method), ...options },
    ...(weights ? { weights } : {}),
    ...(file.lines ? { modifier: { name: "lines", ...file.lines } } : {}),
  };
}

/** `lambda=0.3` as a pair; numbers and truth values are read as such. */
function setting(text: string): readonly [string, number | string | boolean] {
  const [, key, value] = /^([a-z_]+)=(.+)$/.exec(text) ?? [];
  if (key === undefined || value === undefined) throw new UsageError(`--set ${text}: expected KEY=VALUE`, "as --set lambda=0.3");
  if (value === "true" || value === "false") return [key, value === "true"];
  return [key, value.trim() !== "" && Number.isFinite(Number(value)) ? Number(value) : value];
}

function weightNumber(text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new UsageError(`--weights ${text}: expected numbers`, "as --weights 0.3,0.7");
}
