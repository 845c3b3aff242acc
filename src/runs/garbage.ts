import type { ObjectStore, StoredObject } from "./objects.ts";
import type { RunReader } from "./run-reader.ts";
import type { RunStore } from "./store.ts";

/** What nobody needs of a store's objects, and what stays. */
export interface Garbage {
  readonly objects: readonly StoredObject[];
  /** Names of what a death left half written. */
  readonly leftovers: readonly string[];
  readonly kept: readonly StoredObject[];
  /** Runs whose references could not be read: while there are any, nothing goes. */
  readonly unreadable: readonly string[];
}

export interface GarbageRule {
  /** True to let go also what finished runs alone refer to. */
  readonly finished: boolean;
  /** What was made or taken less than so many milliseconds ago stays: a run may be about to say that it refers to it. */
  readonly youngerThanMs: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What may be removed: objects that no run refers to, as its events tell. */
export function garbageOf(store: RunStore, objects: ObjectStore, rule: GarbageRule): Garbage {
  const { runs, unreadable } = store.list();
  const referred = new Set<string>();
  const unread = unreadable.map(({ folder }) => folder);
  for (const reader of runs)
    try {
      for (const key of referencesOf(reader, rule)) referred.add(key);
    } catch {
      unread.push(reader.folder);
    }
  const { objects: all, leftovers } = objects.list();
  const isOld = (used: number): boolean => rule.now - used >= rule.youngerThanMs;
  const goes = ({ key, used }: StoredObject): boolean => unread.length === 0 && !referred.has(key) && isOld(used);
  return {
    objects: all.filter(goes),
    leftovers: leftovers.filter((name) => isOld(objects.usedAt(name))),
    kept: all.filter((object) => !goes(object)),
    unreadable: unread,
  };
}

function referencesOf(reader: RunReader, { finished }: GarbageRule): readonly string[] {
  if (finished && reader.record().state === "done") return [];
  return reader.events().flatMap((event) => (event.type === "shared" ? [event.object] : []));
}
