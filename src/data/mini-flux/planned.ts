import type { Random } from "../../util/random.ts";
import type { DataSource, Role, Split } from "../source.ts";
import type { Packages } from "./packages.ts";

/** Side of the stored pictures in pixels. */
export const side = 64;
/** uint8 RGB, row by row. */
export const pictureBytes = side * side * 3;

/** One picture as a family plans it; nothing is drawn yet. */
export interface PlannedRecord {
  /** Unique in its set, of `[a-z0-9./-]`. */
  readonly key: string;
  readonly className: string;
  readonly split: Split;
  readonly captions: readonly string[];
  readonly year?: number;
  /** Key of licences.json. */
  readonly source: string;
  /** Package and file, `#` and the place within it; a seed where the picture is computed. */
  readonly file: string;
  /** Who drew it, where the package names one person for one picture. */
  readonly author?: string;
  /** The picture: `pictureBytes` bytes. */
  readonly paint: () => Promise<Uint8Array> | Uint8Array;
}

export interface PlannedSet {
  readonly name: string;
  readonly role: Role;
  readonly task: DataSource["task"];
  readonly summary: string;
  /** In label order. */
  readonly classNames: readonly string[];
  readonly templates: readonly string[];
  readonly records: readonly PlannedRecord[];
}

/** Plans some sets from what is installed. Everything but the pixels must come out the same on any machine. */
export type Family = (packages: Packages, random: Random) => PlannedSet[] | Promise<PlannedSet[]>;

/** Distinct class names of records, in alphabetical (code unit) order: the label order of every set. */
export function classNamesOf(records: readonly PlannedRecord[]): string[] {
  return [...new Set(records.map((record) => record.className))].sort();
}
