import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openSources } from "../../../src/data/open-sources.ts";
import { prepare } from "../../../src/data/prepare.ts";
import type { SourceFixture } from "./fixture.ts";
import folder from "./folder.ts";

/** A prepared copy of a folder of pictures. */
const prepared: SourceFixture = {
  hasPath: false,
  // Broken originals are left out when the copy is made.
  canBreak: false,
  async make(path, variant) {
    const originals = join(path, "originals");
    mkdirSync(originals);
    const sources = await openSources(await folder.make(originals, variant), "/");
    const transform = { side: 16, encoding: "jpeg", quality: 90, resampler: "exact" } as const;
    await prepare(sources, { out: join(path, "copy"), transform, layout: "shards", perPart: 3 });
    return { name: "prepared", path: join(path, "copy") };
  },
};
export default prepared;
