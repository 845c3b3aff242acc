import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fixtureImages, type SourceFixture } from "./fixture.ts";

/** DTD as torchvision keeps it, six pictures or seven to train on and two for testing. */
const torchvision: SourceFixture = {
  // A bare path to a root is not recognised, so the suite's tests of paths do not apply.
  hasPath: false,
  canBreak: true,
  async make(path, variant) {
    const base = join(path, "dtd/dtd");
    mkdirSync(join(base, "labels"), { recursive: true });
    const images = await fixtureImages(variant);
    for (const { name, className, bytes } of images) {
      mkdirSync(join(base, "images", className), { recursive: true });
      writeFileSync(join(base, "images", className, name), bytes);
    }
    const isTest = (name: string): boolean => /^[37]\./.test(name);
    for (const part of ["train", "test"]) {
      const rows = images.filter(({ name }) => isTest(name) === (part === "test"));
      writeFileSync(join(base, `labels/${part}1.txt`), rows.map(({ name, className }) => `${className}/${name}\n`).join(""));
    }
    return { name: "torchvision", path };
  },
};
export default torchvision;
