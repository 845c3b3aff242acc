import type { DataSource, SampleRecord } from "../data/source.ts";
import { EvergreenError } from "../util/errors.ts";

/** Place of each record's class in the set's class list. @throws {EvergreenError} for a class that is not in it. */
export function classLabels(source: Pick<DataSource, "name" | "classNames">, records: readonly SampleRecord[]): readonly number[] {
  const labelOf = new Map(source.classNames.map((name, label) => [name, label]));
  return records.map(({ className, id }) => {
    const label = labelOf.get(className ?? "");
    if (label !== undefined) return label;
    throw new EvergreenError(`${source.name}: the class of ${id} is not in the set's class list`, {
      code: "EG-4210",
      exit: "data",
      fix: "add the class to the list, or leave the sample out",
    });
  });
}
