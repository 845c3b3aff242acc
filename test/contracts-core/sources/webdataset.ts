import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { tarOf } from "../../fixtures/data/tar.ts";
import { type FixtureImage, fixtureImages, type SourceFixture } from "./fixture.ts";

const webdataset: SourceFixture = {
  hasPath: true,
  canBreak: true,
  async make(path, variant) {
    const images = await fixtureImages(variant);
    const ofShard = (shard: number): FixtureImage[] => images.filter(({ name }) => Number.parseInt(name, 10) % 2 === shard);
    const shards = variant.reversed === true ? [1, 0] : [0, 1];
    for (const shard of shards) writeFileSync(join(path, `0000${shard}.tar`), await shardOf(ofShard(shard)));
    return { name: "webdataset", path: join(path, `{${shards.map((shard) => `0000${shard}`).join(",")}}.tar`) };
  },
};
export default webdataset;

function shardOf(images: readonly FixtureImage[]): Promise<Buffer> {
  return tarOf(
    images.flatMap(
      ({ name, caption, bytes }) =>
        [
          [`${"long-".repeat(30)}${name}`, bytes],
          [`${"long-".repeat(30)}${name.replace(/\..*/, ".txt")}`, caption],
        ] as const,
    ),
  );
}
