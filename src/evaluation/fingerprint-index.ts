import { groupBy } from "../util/group-by.ts";
import { hashDistance, isSamePicture, nearBits, type PictureFingerprint } from "./picture-fingerprint.ts";

/** Pictures that can be asked which of them another one is a copy of. */
export interface FingerprintIndex {
  /** Places of the pictures that show the same, ascending. */
  copiesOf(picture: PictureFingerprint): readonly number[];
}

/** One band more than the bits that may differ, so that two near hashes agree in one band at least. */
const bands = nearBits + 1;

/** An index over hashes: candidates share a band of bits, are near, and have thumbnails that agree. Memory grows with the pictures in it alone. */
export function createFingerprintIndex(pictures: readonly PictureFingerprint[]): FingerprintIndex {
  const tables = Array.from({ length: bands }, (_, band) =>
    groupBy(pictures.keys(), (place) => bandOf((pictures[place] as PictureFingerprint).hash, band)),
  );
  return {
    copiesOf: ({ hash, thumbnail }) => {
      const found = new Set<number>();
      for (const [band, table] of tables.entries())
        for (const place of table.get(bandOf(hash, band)) ?? []) {
          const other = pictures[place];
          if (other && !found.has(place) && hashDistance(hash, other.hash) <= nearBits && isSamePicture(thumbnail, other.thumbnail))
            found.add(place);
        }
      return [...found].sort((a, b) => a - b);
    },
  };
}

/** The bits of one of the seven bands: nine each, ten of the last. */
function bandOf([low, high]: PictureFingerprint["hash"], band: number): number {
  const from = band * 9;
  const bits = band === bands - 1 ? 10 : 9;
  const word = from >= 32 ? high >>> (from - 32) : from + bits <= 32 ? low >>> from : ((low >>> from) | (high << (32 - from))) >>> 0;
  return word & ((1 << bits) - 1);
}
