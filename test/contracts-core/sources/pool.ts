import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { SourceFixture } from "./fixture.ts";
import webdataset from "./webdataset.ts";

/** Two tars as one of the registered pools. */
const pool: SourceFixture = {
  hasPath: false,
  canBreak: true,
  async make(path, variant) {
    const folder = join(path, "pools", "cc3m");
    mkdirSync(folder, { recursive: true });
    await webdataset.make(folder, variant);
    return { name: "pool", path, sets: ["cc3m"] };
  },
};
export default pool;
