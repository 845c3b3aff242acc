import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { z } from "zod";
import { DataError, DataLimitError } from "../data-error.ts";
import { indexedSource, settled, splitNamed, splitOf, type UnsettledSample } from "../indexed-source.ts";
import { isPrepared } from "../prepared-files.ts";
import type { SourceDefinition } from "../source.ts";
import { classNameOf, commonOptions, datasetName } from "../source-options.ts";
import { linesIn } from "../text-lines.ts";

const options = z.strictObject(commonOptions);

/** Endings of what people keep as pictures. Not all can be decoded: those are reported by name rather than passed over. */
const pictures = /\.(jpe?g|jpe|jfif|png|webp|gif|tiff?|avif|svg|bmp|heic|heif)$/i;
const maxDepth = 32;
const maxFiles = 20_000_000;
const maxCaptionBytes = 1 << 20;

const folder: SourceDefinition<typeof options> = {
  summary: "A folder of images: a sub-folder per class, or captions in text files beside the images; train/ and test/ on top if wanted.",
  options,
  recognises: (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true && !isPrepared(path) && hasPictures(path, 4),
  async open({ path, name, role, templates, testShare }) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw new DataError(`${path}: expected a folder`);
    const roots = splitFolders(path);
    const samples = settled(roots.flatMap(({ folder, split }) => samplesBelow(path, folder, (key) => split ?? splitOf(key, testShare))));
    const without = samples.find((sample) => sample.className === undefined && sample.captions.length === 0);
    if (without)
      throw new DataError(`${join(path, without.key)}: has neither a class nor a caption`, {
        fix: "put it into a folder named by its class, or a caption beside it in a .txt file of the same name",
      });
    return [indexedSource({ name: name ?? datasetName(path), role, templates, samples })];
  },
};
export default folder;

function hasPictures(folder: string, depth: number): boolean {
  const entries = readdirSync(folder, { withFileTypes: true });
  if (entries.some((entry) => entry.isFile() && pictures.test(entry.name))) return true;
  return depth > 0 && entries.some((entry) => entry.isDirectory() && hasPictures(join(folder, entry.name), depth - 1));
}

/** Folders on top that are splits, where all of them are; else the whole folder. */
function splitFolders(path: string): readonly { readonly folder: string; readonly split: UnsettledSample["split"] | undefined }[] {
  const folders = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory() && !entry.name.startsWith("."));
  const named = folders.map(({ name }) => ({ folder: join(path, name), split: splitNamed(name) }));
  return named.length === 0 || named.some(({ split }) => split === undefined) ? [{ folder: path, split: undefined }] : named;
}

function samplesBelow(root: string, folder: string, splitFor: Place["splitFor"]): UnsettledSample[] {
  const found: UnsettledSample[] = [];
  const walk = (at: string, className: string | undefined, depth: number): void => {
    if (depth > maxDepth) throw new DataLimitError(`${at}: folders are nested deeper than ${maxDepth}`);
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      if (entry.name.startsWith(".") || entry.name === "__MACOSX") continue;
      const path = join(at, entry.name);
      // A link to a folder could lead back here; a link to a file is followed like the file.
      if (entry.isDirectory()) walk(path, className ?? classNameOf(entry.name), depth + 1);
      else if (pictures.test(entry.name)) found.push(sampleAt({ root, path, className, splitFor }));
      if (found.length > maxFiles) throw new DataLimitError(`${root}: more than ${maxFiles} images`, "make archives of them (WebDataset)");
    }
  };
  walk(folder, undefined, 0);
  return found;
}

interface Place {
  readonly root: string;
  readonly path: string;
  readonly className: string | undefined;
  splitFor(key: string): UnsettledSample["split"];
}

function sampleAt({ root, path, className, splitFor }: Place): UnsettledSample {
  const key = relative(root, path).split(sep).join("/");
  return {
    key,
    ...(className === undefined ? {} : { className }),
    captions: captionsBeside(path),
    split: splitFor(key),
    image: { kind: "file", path },
    bytes: statSync(path, { throwIfNoEntry: false })?.size,
  };
}

/** One caption a line, from a text file with the image's name. */
function captionsBeside(path: string): readonly string[] {
  const beside = path.replace(pictures, ".txt");
  const facts = statSync(beside, { throwIfNoEntry: false });
  if (!facts?.isFile()) return [];
  if (facts.size > maxCaptionBytes) throw new DataLimitError(`${beside}: ${facts.size} bytes are too many for captions`);
  return linesIn(readFileSync(beside, "utf8"));
}
