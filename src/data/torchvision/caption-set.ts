import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Env } from "../../util/paths.ts";
import { DataError } from "../data-error.ts";
import { cachedIndex } from "../index-cache.ts";
import { type FoundItem, fileBeside, fileItem, type LayoutReader, linesOf } from "./found-set.ts";
import { jsonIn, plainName } from "./json-file.ts";

/** Captions by picture, in the order of the file. */
export type Captions = ReadonlyMap<string, readonly string[]>;

/** Pictures with captions, of which the benchmark takes Karpathy's test part. */
export interface CaptionLayout {
  /** The set's word in the registry: `MSCOCO_test.txt` is a plain list of the tested pictures. */
  readonly folder: string;
  /** Folder of the pictures below the root; the first of several that is there. */
  readonly pictures: readonly string[];
  /** Karpathy's file, which has parts and captions. */
  readonly karpathy: string;
  /** The file that torchvision reads captions from, below the root, and how it is read. */
  readonly annotations: string;
  readonly captionsIn: (path: string) => Captions;
}

const karpathyFile = z.object({
  images: z.array(z.object({ filename: plainName, split: z.string(), sentences: z.array(z.object({ raw: z.string() })) })),
});

/** Reads such a set: test samples alone. Karpathy's file goes before a plain list, as it is what the benchmark was made from. */
export function captionSet(layout: CaptionLayout, env: Env): LayoutReader {
  return (root) => {
    const { file, captions } = testPart(root, layout, env);
    const folder = layout.pictures.find((each) => existsSync(join(root, each))) ?? layout.pictures[0] ?? "";
    return { classNames: [], items: captions.map(([name, texts]) => itemOf(root, { file, folder, name, texts })) };
  };
}

interface TestPart {
  /** What names the pictures. */
  readonly file: string;
  readonly captions: readonly (readonly [picture: string, texts: readonly string[]])[];
}

function testPart(root: string, { folder, karpathy, annotations, captionsIn }: CaptionLayout, env: Env): TestPart {
  const split = fileBeside(root, karpathy);
  if (split !== undefined) {
    const captions = cachedIndex({ path: split, format: "karpathy-test/1", env }, () =>
      jsonIn(split, karpathyFile)
        .images.filter((image) => image.split === "test")
        .map(({ filename, sentences }) => [filename, sentences.map(({ raw }) => raw)] as const),
    );
    return { file: split, captions };
  }
  const list = fileBeside(root, `${folder}_test.txt`);
  if (list === undefined)
    throw new DataError(`${root}: nothing says which pictures of ${folder} are tested; the benchmark takes Karpathy's test part`, {
      fix: `put ${karpathy} of Karpathy's caption data there, or ${folder}_test.txt with the name of a picture a line beside ${annotations}`,
    });
  const known = captionsIn(join(root, annotations));
  return { file: list, captions: linesOf(list).map((name) => [named(list, name), known.get(name) ?? []] as const) };
}

function named(list: string, name: string): string {
  if (!plainName.safeParse(name).success) throw new DataError(`${list}: ${JSON.stringify(name)} is not the plain name of a file`);
  return name;
}

interface Told {
  readonly file: string;
  readonly folder: string;
  readonly name: string;
  readonly texts: readonly string[];
}

function itemOf(root: string, { file, folder, name, texts }: Told): FoundItem {
  const captions = texts.map((text) => text.trim()).filter((text) => text !== "");
  if (captions.length === 0)
    throw new DataError(`${file}: ${name} is tested and has no caption`, { fix: "the files must be of one version" });
  const item = fileItem(root, `${folder}/${name}`);
  if (item.bytes === undefined)
    throw new DataError(`${file}: ${name} has captions and is not in ${join(root, folder)}`, { fix: "unpack all pictures there" });
  return { ...item, captions, split: "test" };
}
