import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Env } from "../../util/paths.ts";
import { DataError } from "../data-error.ts";
import { cachedIndex } from "../index-cache.ts";
import { fileItem, type LayoutReader, labelled, type NamedItem } from "./found-set.ts";
import { jsonIn, plainName } from "./json-file.ts";

const shapes = ["cube", "cylinder", "sphere"] as const;
/** How many of each shape. */
type Counts = readonly [cubes: number, cylinders: number, spheres: number];
const numbers = "no one two three four five six seven eight nine ten".split(" ");
/** Objects in a scene (arXiv:1612.06890, §3.1). */
const fewest = 3;
const most = 10;

const sceneFile = z.object({
  scenes: z.array(
    z.object({
      image_filename: plainName,
      objects: z
        .array(z.object({ shape: z.enum(shapes) }))
        .min(fewest)
        .max(most),
    }),
  ),
});
/** Counts that the benchmark leaves out, as few scenes or none have them. */
const leftOut = z
  .array(z.tuple([z.int(), z.int(), z.int()]))
  .parse(JSON.parse(readFileSync(new URL("./clevr-left-out.json", import.meta.url), "utf8")));

/** The benchmark's 247 classes in label order, which is that of letters: "five cubes, one cylinder, two spheres". */
export const clevrClasses: readonly string[] = classes();

/**
 * CLEVR by what is in a picture rather than by how many objects, which is torchvision's label: the counts of the three shapes, in words. Of the training part, as
 * the test part has no scenes and the benchmark does not take the validation part; every fifth of the pictures sorted by class is for testing.
 */
export function clevrScenes(base: string, env: Env): LayoutReader {
  return (root) => {
    const path = join(root, base, "scenes/CLEVR_train_scenes.json");
    if (!existsSync(path)) throw new DataError(`${path}: there is no such file`, { fix: "unpack CLEVR_v1.0.zip there again" });
    const rows = cachedIndex({ path, format: "clevr-classes/1", env }, () => pictures(path));
    const items = rows.map(
      ([name, className], i): NamedItem => ({
        ...fileItem(root, `${base}/images/train/${name}`),
        className,
        split: i % 5 === 0 ? "test" : "train",
      }),
    );
    return labelled(items, clevrClasses);
  };
}

/** By class, then by name: which of a class's pictures came first in the published parts was left to the sorting's chance. */
function pictures(path: string): readonly (readonly [name: string, className: string])[] {
  const taken = new Set(clevrClasses);
  return jsonIn(path, sceneFile)
    .scenes.map(({ image_filename, objects }) => [image_filename, nameOf(countsOf(objects))] as const)
    .filter(([, className]) => taken.has(className))
    .sort(([a, first], [b, second]) => (first < second || (first === second && a < b) ? -1 : 1));
}

function countsOf(objects: readonly { readonly shape: (typeof shapes)[number] }[]): Counts {
  const of = (shape: (typeof shapes)[number]): number => objects.filter((object) => object.shape === shape).length;
  return [of("cube"), of("cylinder"), of("sphere")];
}

/** `[5, 1, 0]` → five cubes, one cylinder. */
function nameOf(counts: Counts): string {
  const parts = counts.map((count, i) => `${numbers[count]} ${shapes[i]}${count > 1 ? "s" : ""}`);
  return parts.filter((_, i) => counts[i] !== 0).join(", ");
}

function classes(): readonly string[] {
  const upToMost = Array.from({ length: most + 1 }, (_, count) => count);
  const all = upToMost.flatMap((cubes) => upToMost.flatMap((cylinders) => upToMost.map((spheres): Counts => [cubes, cylinders, spheres])));
  const rare = new Set(leftOut.map(nameOf));
  const possible = all.filter(([cubes, cylinders, spheres]) => {
    const objects = cubes + cylinders + spheres;
    return objects >= fewest && objects <= most;
  });
  return possible
    .map(nameOf)
    .filter((name) => !rare.has(name))
    .sort();
}
