import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fixtureImages, type SourceFixture } from "./fixture.ts";

const classes = ["red fox", "owl"];

/** A root with one whole set of the benchmark, six pictures or seven to train on and two for testing. */
const fomo: SourceFixture = {
  // A bare path to a root is not recognised, so the suite's tests of paths do not apply.
  hasPath: false,
  canBreak: true,
  async make(path, variant) {
    mkdirSync(join(path, "DTD"));
    const images = await fixtureImages(variant);
    for (const { name, bytes } of images) writeFileSync(join(path, "DTD", name), bytes);
    const isTest = (name: string): boolean => /^[37]\./.test(name);
    for (const part of ["train", "test"]) {
      const rows = images.filter(({ name }) => isTest(name) === (part === "test"));
      const records = rows.map(({ name, className, caption }) => [
        name,
        { classname: className, target: classes.indexOf(className), default_caption: null, synthetic_merged_caption: caption },
      ]);
      writeFileSync(join(path, `DTD_${part}.json`), JSON.stringify(Object.fromEntries(records)));
    }
    writeFileSync(join(path, "DTD_classnames.json"), JSON.stringify(classes));
    return { name: "fomo", path };
  },
};
export default fomo;
