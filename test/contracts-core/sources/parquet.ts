import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { type FixtureImage, fixtureImages, type SourceFixture } from "./fixture.ts";

const classNames = ["owl", "red fox"];
const features = { image: { _type: "Image" }, label: { names: classNames, _type: "ClassLabel" } };

const parquet: SourceFixture = {
  hasPath: true,
  canBreak: true,
  async make(path, variant) {
    const images = await fixtureImages({ ...variant, reversed: false });
    const files = ["train-00000-of-00002", "test-00000-of-00001", "train-00001-of-00002"];
    for (const [i, file] of variant.reversed === true ? [...files.entries()].reverse() : files.entries())
      writeFileSync(join(path, `${file}.parquet`), Buffer.from(parquetOf(images.filter((_, n) => n % 3 === i))));
    return { name: "parquet", path };
  },
};
export default parquet;

/** As the datasets library writes it: a struct of bytes and path, a label with its names in the file's metadata. */
function parquetOf(images: readonly FixtureImage[]): ArrayBuffer {
  return parquetWriteBuffer({
    schema: [
      { name: "schema", num_children: 2 },
      { name: "image", num_children: 2, repetition_type: "OPTIONAL" },
      { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
      { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
      { name: "label", type: "INT64", repetition_type: "OPTIONAL" },
    ],
    columnData: [
      { name: "image", data: images.map(({ bytes, name }) => ({ bytes: Uint8Array.from(bytes), path: name })) },
      { name: "label", data: images.map(({ className }) => BigInt(classNames.indexOf(className))) },
    ],
    rowGroupSize: 2,
    kvMetadata: [{ key: "huggingface", value: JSON.stringify({ info: { features } }) }],
  });
}
