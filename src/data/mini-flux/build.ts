import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { canonicalJson } from "../../util/json.ts";
import { MiniFluxError } from "./mini-flux-error.ts";
import { type PlannedSet, pictureBytes } from "./planned.ts";
import type { Progress } from "./progress.ts";
import { picturesPath, type StoredManifest, setPath, storedManifest, storedSet } from "./stored.ts";

/** The renderer works on libuv's threads, four unless the user says otherwise; a few more in flight keep them busy. */
const inFlight = 8;

export interface BuildOptions {
  readonly sets: readonly PlannedSet[];
  /** Empty; everything is written below it. */
  readonly folder: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

/** Draws and writes the sets, and gives the manifest, which is written last. */
export async function buildSets({ sets, folder, progress, signal }: BuildOptions): Promise<StoredManifest> {
  await mkdir(join(folder, "sets"), { recursive: true });
  const total = sets.reduce((sum, set) => sum + set.records.length, 0);
  let done = 0;
  for (const set of sets) {
    await drawSet(set, picturesPath(folder, set.name), () => {
      signal?.throwIfAborted();
      done++;
      if (done % 100 === 0 || done === total) progress({ phase: "render", done, total, bytes: done * pictureBytes });
    });
  }
  const stored = sets.map(storedSet);
  const manifest = storedManifest(stored);
  for (const [i, set] of stored.entries()) {
    await writeDurably(setPath(folder, set.name), canonicalJson(set));
    progress({ phase: "write", done: i + 1, total: stored.length });
  }
  await writeDurably(join(folder, "manifest.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  return manifest;
}

async function drawSet({ name, records }: PlannedSet, path: string, onPicture: () => void): Promise<void> {
  const pixels = new Uint8Array(records.length * pictureBytes);
  let next = 0;
  const draw = async (): Promise<void> => {
    while (next < records.length) {
      const i = next++;
      const record = records[i];
      if (!record) return;
      const picture = await record.paint();
      if (picture.every((value) => value === picture[0]))
        throw new MiniFluxError(
          `internal: ${name}: the picture of ${record.file} is blank`,
          "add it to exclusions.json, or mend its drawing",
        );
      pixels.set(picture, i * pictureBytes);
      onPicture();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, draw));
  await writeDurably(path, pixels);
}

async function writeDurably(path: string, data: string | Uint8Array): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
}
