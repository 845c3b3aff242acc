import { hashOf } from "../util/hash.ts";
import { DataError } from "./data-error.ts";
import type { RegisteredSet } from "./registry.ts";
import type { Concept, DataSource, Unopened } from "./source.ts";

/** What is known of a data set whose files are not here. */
export interface KnownCounts extends Pick<DataSource, "name" | "role" | "task" | "templates" | "licences"> {
  /** Entries of the class list, and how many of them are streamed. */
  readonly classes: { readonly list: number; readonly streamed: number };
  readonly year?: number;
  readonly unopened: Unopened;
}

/**
 * A data set by its counts. Its concepts have made-up names and share the training samples evenly, the first ones taking what is left over: real classes
 * differ in size, so a task's samples are an estimate, the sums are not.
 */
export function unopenedSource({ classes, year, unopened, ...facts }: KnownCounts): DataSource {
  const { name } = facts;
  const classNames = Array.from({ length: classes.list }, (_, i) => `class ${String(i + 1).padStart(4, "0")}`);
  const each = Math.floor(unopened.train / Math.max(1, classes.streamed));
  const longer = unopened.train - each * classes.streamed;
  const stats = year === undefined ? {} : { year };
  let concepts: readonly Concept[] | undefined;
  return {
    ...facts,
    classNames,
    unopened,
    fingerprint: hashOf({ unopened: name, classes, train: unopened.train, test: unopened.test }),
    records: () => {
      throw new DataError(`${name}: its data was not opened; missing: ${unopened.missing.join(", ")}`, { fix: unopened.obtain });
    },
    concepts: () => {
      concepts ??= classNames.slice(0, classes.streamed).map((className, i) => {
        const id = `${name}/${className}`;
        const samples = Array.from({ length: each + (i < longer ? 1 : 0) }, (_, n) => `${id}/${n}`);
        return { id, dataset: name, name: className, samples, stats };
      });
      return concepts;
    },
  };
}

/** A registered set by the registry's counts. */
export function unopenedSet(set: RegisteredSet, missing: readonly string[]): DataSource {
  const { handle: name, role, task, template, licence, year, samples, classes, obtain } = set;
  return unopenedSource({
    ...{ name, role, task, year, classes, templates: [template], licences: [licence] },
    unopened: { ...samples, missing, obtain },
  });
}
