import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pack } from "tar-stream";
import { type FixtureImage, fixtureImages, type SourceFixture } from "./fixture.ts";

const webdataset: SourceFixture = {
  hasPath: true,
  canBreak: true,
  async make(path, variant) {
    const images = await fixtureImages(variant);
    const ofShard = (shard: number): FixtureImage[] => images.filter(({ name }) => Number.parseInt(name, 10) % 2 === shard);
    const shards = variant.reversed === true ? [1, 0] : [0, 1];
    for (const shard of shards) writeFileSync(join(path, `0000${shard}.tar`), await tarOf(ofShard(shard)));
    return { name: "webdataset", path: join(path, `{${shards.map((shard) => `0000${shard}`).join(",")}}.tar`) };
  },
};
export default webdataset;

async function tarOf(images: readonly FixtureImage[]): Promise<Buffer> {
  const archive = pack();
  for (const { name, caption, bytes } of images) {
    archive.entry({ name: `${"long-".repeat(30)}${name}` }, bytes);
    archive.entry({ name: `${"long-".repeat(30)}${name.replace(/\..*/, ".txt")}` }, caption);
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
