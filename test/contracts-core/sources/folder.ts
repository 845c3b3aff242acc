import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fixtureImages, type SourceFixture } from "./fixture.ts";

const folder: SourceFixture = {
  hasPath: true,
  canBreak: true,
  async make(path, variant) {
    for (const { name, className, bytes } of await fixtureImages(variant)) {
      const split = Number.parseInt(name, 10) % 4 === 3 ? "test" : "train";
      const place = join(path, "animals", split, className.replace(" ", "_"));
      mkdirSync(place, { recursive: true });
      writeFileSync(join(place, name), bytes);
    }
    return { name: "folder", path: join(path, "animals") };
  },
};
export default folder;
