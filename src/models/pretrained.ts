import { readFileSync } from "node:fs";
import { z } from "zod";
import { EvergreenError, nearest } from "../util/errors.ts";
import { ArchitectureError, type ClipConfig } from "./architecture.ts";
import { clipPreprocess, type ImagePreprocess } from "./preprocess.ts";

/** Published weights, as their tag names them. */
export interface PretrainedWeights {
  /** OpenCLIP's architecture with the tag's activation, so `-quickgelu` where the weights want it. */
  readonly architecture: string;
  readonly tag: string;
  readonly quickGelu: boolean;
  /** Repository on the Hugging Face hub. */
  readonly source: string | undefined;
  readonly preprocess: Omit<ImagePreprocess, "size">;
}

/** Weights trained with one activation and an architecture with the other: nothing would fail, and accuracy would be lost. */
export class ActivationMismatchError extends EvergreenError {
  constructor(message: string, fix: string) {
    super(message, { code: "EG-3402", exit: "config", fix });
  }
}

const triple = z.tuple([z.number(), z.number(), z.number()]);
const tagSchema = z.strictObject({
  source: z.string().optional(),
  quick_gelu: z.literal(true).optional(),
  mean: triple.optional(),
  std: triple.optional(),
  interpolation: z.enum(["bicubic", "bilinear"]).optional(),
  resize_mode: z.enum(["shortest", "longest", "squash"]).optional(),
});
const tableSchema = z.strictObject({
  names: z.record(z.string(), z.strictObject({ architecture: z.string(), tag: z.string(), source: z.string().optional() })),
  tags: z.record(z.string(), z.record(z.string(), tagSchema)),
});

function table(): z.output<typeof tableSchema> {
  return tableSchema.parse(JSON.parse(readFileSync(new URL("./pretrained.json", import.meta.url), "utf8")));
}

/** Short names (`vit-b32-laion2b`) and OpenCLIP's pairs (`ViT-B-32/laion2b_s34b_b79k`) of all known weights. */
export function pretrainedNames(): { readonly short: readonly string[]; readonly pairs: readonly string[] } {
  const { names, tags } = table();
  const pairs = Object.entries(tags).flatMap(([name, ofName]) =>
    Object.entries(ofName).map(([tag, { quick_gelu }]) => `${withActivation(name, quick_gelu === true)}/${tag}`),
  );
  return { short: Object.keys(names), pairs };
}

/**
 * Weights by short name or OpenCLIP's `architecture/tag`.
 * @throws {ActivationMismatchError} when the architecture's activation is not the tag's.
 * @throws {ArchitectureError} when there are none of that name.
 * @example pretrained("ViT-L-14/laion2b_s32b_b82k").preprocess.mean // [0.5, 0.5, 0.5]
 */
export function pretrained(name: string): PretrainedWeights {
  const { names, tags } = table();
  const short = Object.hasOwn(names, name) ? names[name] : undefined;
  const [given = "", tag = ""] = short ? [short.architecture, short.tag] : name.split("/");
  const plain = given.replace(/-quickgelu$/, "");
  const ofName = Object.hasOwn(tags, plain) ? (tags[plain] ?? {}) : {};
  const found = Object.hasOwn(ofName, tag) ? ofName[tag] : undefined;
  if (!found) {
    const known = [...pretrainedNames().short, ...pretrainedNames().pairs];
    const near = nearest(name, known);
    throw new ArchitectureError(
      `unknown weights "${name}"; known: ${known.join(", ")}`,
      near ? `did you mean "${near}"?` : "use one of the known names, or a file",
    );
  }
  const quickGelu = found.quick_gelu === true;
  const right = withActivation(plain, quickGelu);
  if (!short && given !== right) throw mismatch(`${plain}/${tag}`, quickGelu, `write ${right}/${tag}`);
  return {
    architecture: right,
    tag,
    quickGelu,
    source: short?.source ?? found.source,
    preprocess: {
      mean: found.mean ?? clipPreprocess.mean,
      std: found.std ?? clipPreprocess.std,
      interpolation: found.interpolation ?? clipPreprocess.interpolation,
      resizeMode: found.resize_mode ?? clipPreprocess.resizeMode,
      fill: clipPreprocess.fill,
    },
  };
}

/** @throws {ActivationMismatchError} when `config` would run the weights with the other activation. */
export function checkActivation(weights: PretrainedWeights, config: ClipConfig): void {
  if (weights.quickGelu !== config.quickGelu)
    throw mismatch(`${weights.architecture}/${weights.tag}`, weights.quickGelu, `use the architecture ${weights.architecture}`);
}

function withActivation(name: string, quickGelu: boolean): string {
  return quickGelu ? `${name}-quickgelu` : name;
}

function mismatch(what: string, quickGelu: boolean, fix: string): ActivationMismatchError {
  const [trained, given] = quickGelu ? ["QuickGELU", "exact GELU"] : ["exact GELU", "QuickGELU"];
  return new ActivationMismatchError(
    `the weights ${what} were trained with ${trained}, the architecture has ${given}; they would load and lose accuracy silently`,
    fix,
  );
}
