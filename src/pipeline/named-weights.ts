import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { pretrained } from "../models/pretrained.ts";
import type { Env } from "../util/paths.ts";

const scheme = /^open_clip:/;

/** Published weights that a run names, and where they are. */
export interface NamedWeights {
  /** OpenCLIP's name of the architecture, with the activation that the weights want. */
  readonly architecture: string;
  /** Folder in Hugging Face's cache; undefined where they are not. */
  readonly folder: string | undefined;
  readonly obtain: string;
}

/**
 * What `open_clip:ViT-B-32/laion2b_s34b_b79k` names: published weights, looked for in Hugging Face's cache, where OpenCLIP puts them. Undefined for what is no such
 * name. Nothing is downloaded.
 */
export function namedWeights(init: string, env: Env): NamedWeights | undefined {
  if (!scheme.test(init)) return undefined;
  const { architecture, source } = pretrained(init.replace(scheme, ""));
  const folder = source === undefined ? undefined : cachedFolder(source, hubCache(env));
  const obtain =
    source === undefined
      ? "give the path of their file as model.init"
      : `fetch ${source} with Hugging Face's client (hf download ${source} open_clip_model.safetensors), or give the path of a file as model.init`;
  return { architecture, folder, obtain };
}

/** Where Hugging Face's clients keep what they fetched. */
function hubCache(env: Env): string {
  if (env.HF_HUB_CACHE) return env.HF_HUB_CACHE;
  if (env.HF_HOME) return join(env.HF_HOME, "hub");
  return join(env.XDG_CACHE_HOME ?? join(env.HOME || homedir(), ".cache"), "huggingface", "hub");
}

/** The revision that `main` stood at last, else the one that is there. */
function cachedFolder(repository: string, cache: string): string | undefined {
  const kept = join(cache, `models--${repository.replaceAll("/", "--")}`);
  const reference = join(kept, "refs", "main");
  const snapshots = join(kept, "snapshots");
  const named = existsSync(reference) ? [readFileSync(reference, "utf8").trim()] : [];
  const all = existsSync(snapshots) ? readdirSync(snapshots).sort() : [];
  return [...named, ...all]
    .map((revision) => join(snapshots, revision))
    .find((folder) => existsSync(folder) && readdirSync(folder).some(isWeights));
}

const isWeights = (name: string): boolean => /\.(safetensors|bin)$/.test(name);
