import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tarOf } from "../../fixtures/data/tar.ts";
import { type FixtureImage, fixtureImages, type SourceFixture } from "./fixture.ts";

const classes = ["red fox", "owl"];

/** An export with two tars to train on and one for testing. */
const clipBenchmark: SourceFixture = {
  // Its names come from its folders, which the suite's tests of paths would change.
  hasPath: false,
  canBreak: true,
  async make(path, variant) {
    const folder = join(path, "wds_animals");
    const images = await fixtureImages(variant);
    const part = (rest: number): FixtureImage[] => images.filter(({ name }) => Number.parseInt(name, 10) % 4 === rest);
    for (const [split, shards] of [
      ["train", [[...part(0), ...part(1)], part(2)]],
      ["test", [part(3)]],
    ] as const) {
      mkdirSync(join(folder, split), { recursive: true });
      writeFileSync(join(folder, split, "nshards.txt"), `${shards.length}\n`);
      for (const [i, own] of shards.entries()) writeFileSync(join(folder, split, `${i}.tar`), await shardOf(own));
    }
    writeFileSync(join(folder, "classnames.txt"), `${classes.join("\n")}\n`);
    writeFileSync(join(folder, "zeroshot_classification_templates.txt"), "a photo of a {c}.\na drawing of a {c}.\n");
    return { name: "clip-benchmark", path };
  },
};
export default clipBenchmark;

function shardOf(images: readonly FixtureImage[]): Promise<Buffer> {
  return tarOf(
    images.flatMap(
      ({ name, className, bytes }) =>
        [
          [`s000000${name}`, bytes],
          [`s000000${name.replace(/\..*/, ".cls")}`, String(classes.indexOf(className))],
        ] as const,
    ),
  );
}
