import { createRandom } from "../../util/random.ts";
import { countryFamily } from "./families/country-shapes.ts";
import { dspritesFamily } from "./families/dsprites.ts";
import { emojiFamily } from "./families/emoji.ts";
import { figureFamily } from "./families/figures.ts";
import { flagFamily } from "./families/flags.ts";
import { glyphFamily } from "./families/glyphs.ts";
import { mnistFamily } from "./families/mnist.ts";
import { shapes3dFamily } from "./families/shapes3d.ts";
import type { Packages } from "./packages.ts";
import type { Family, PlannedSet } from "./planned.ts";

const families: readonly Family[] = [
  emojiFamily,
  glyphFamily,
  dspritesFamily,
  shapes3dFamily,
  flagFamily,
  figureFamily,
  countryFamily,
  mnistFamily,
];

/** Every set of mini-flux, sorted by name, its records sorted by key. The same packages give the same plan on any machine. */
export async function planSets(packages: Packages): Promise<PlannedSet[]> {
  const random = createRandom(0);
  const sets: PlannedSet[] = [];
  for (const family of families) sets.push(...(await family(packages, random)));
  return sets
    .map((set) => ({ ...set, records: [...set.records].sort((a, b) => (a.key < b.key ? -1 : 1)) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
