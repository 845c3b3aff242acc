import { type DataSource, sizeOf, type Unopened } from "../data/source.ts";
import { subsetSize } from "../evaluation/subset.ts";
import type { Random } from "../util/random.ts";
import type { ModelSource } from "./model-source.ts";
import type { RunData } from "./sources.ts";
import { subsetSource } from "./subset-source.ts";

/** What a plan was made without. */
export interface PlannedWithout {
  /** Data sets and pools that the run names, and those of them that were not there: their counts are known from elsewhere. */
  readonly sets: number;
  readonly unopened: readonly ({ readonly name: string } & Pick<Unopened, "missing" | "obtain">)[];
  /** How a person comes by the weights, where they are not here. */
  readonly weights?: string;
}

/** What of a run's data and weights is not there. */
export function plannedWithout(data: RunData, { obtain }: ModelSource): PlannedWithout {
  const sets = new Map([...data.streamed, ...data.pretraining, ...data.evaluated].map((set) => [set.name, set]));
  const unopened = [...sets.values()].flatMap(({ name, unopened: known }) =>
    known ? [{ name, missing: known.missing, obtain: known.obtain }] : [],
  );
  return { sets: sets.size, unopened, ...(obtain === undefined ? {} : { weights: obtain }) };
}

/** Whether every caption that training may draw can be read. */
export const captionsAreHere = ({ streamed, pretraining }: RunData): boolean =>
  [...streamed, ...pretraining].every(({ unopened }) => !unopened);

/** Test images of the sets; of a subset of each where a share is given. */
export function testImages(sets: readonly DataSource[], subset?: { readonly fraction: number; readonly random: Random }): number {
  const size = (set: DataSource): number => {
    if (!subset) return sizeOf(set, "test");
    // Of sets without classes each image is a class of its own.
    if (set.unopened)
      return subsetSize(set.unopened.test, set.task === "classification" ? set.classNames.length : set.unopened.test, subset.fraction);
    return sizeOf(subsetSource(set, subset.random, subset.fraction), "test");
  };
  return sets.reduce((sum, set) => sum + size(set), 0);
}
