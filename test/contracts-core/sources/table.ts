import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fixtureImages, type SourceFixture } from "./fixture.ts";

const table: SourceFixture = {
  hasPath: true,
  canBreak: true,
  async make(path, variant) {
    const images = await fixtureImages(variant);
    for (const { name, bytes } of images) writeFileSync(join(path, name), bytes);
    const rows = images.map(({ name, caption }) => `${name}\t"${caption.replaceAll('"', '""')}"`);
    writeFileSync(join(path, "animals.tsv"), `\ufefffilepath\ttitle\r\n${rows.join("\r\n")}\r\n`);
    return { name: "table", path: join(path, "animals.tsv") };
  },
};
export default table;
