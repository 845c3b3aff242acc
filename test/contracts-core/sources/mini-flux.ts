import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pictureBytes } from "../../../src/data/mini-flux/planned.ts";
import { picturesPath, type StoredSet, setPath, storedManifest } from "../../../src/data/mini-flux/stored.ts";
import type { SourceFixture } from "./fixture.ts";

const classes = ["owl", "red fox"];

/** A built folder with one set of eight flat pictures. */
const miniFlux: SourceFixture = {
  hasPath: false,
  canBreak: false,
  async make(folder) {
    const set: StoredSet = {
      format: "evergreen-mini-flux-set/1",
      name: "pool-emoji",
      role: "pool",
      task: "classification",
      summary: "eight pictures",
      classes,
      classNames: classes,
      templates: ["{}"],
      records: Array.from({ length: 8 }, (_, i) => ({
        key: `picture-${i}`,
        class: i % 2,
        split: i < 6 ? "train" : "test",
        captions: [`picture ${i}`],
        source: "twemoji",
        file: `${i}`,
      })),
    };
    mkdirSync(join(folder, "sets"));
    writeFileSync(setPath(folder, set.name), JSON.stringify(set));
    writeFileSync(picturesPath(folder, set.name), Buffer.concat(set.records.map((_, i) => Buffer.alloc(pictureBytes, 30 * i))));
    writeFileSync(join(folder, "manifest.json"), JSON.stringify(storedManifest([set])));
    return { name: "mini-flux", path: folder };
  },
};
export default miniFlux;
