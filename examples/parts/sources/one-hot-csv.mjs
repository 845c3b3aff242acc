// A source: a kind of place where data lies. Its name is the scheme: stream: {from: "one-hot-csv:./skin/labels.csv?test=0.2"}
// This one reads tables as medical challenges publish them: a column for each class, 1 in the row's own, the image's name in the first.

import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { classNameOf, commonOptions, DataError, datasetName, delimitedRows, indexedSource, separatorOf, splitOf, z } from "evergreen/parts";

const header = (path) => readFileSync(path, "utf8").split(/\r?\n/, 1)[0] ?? "";

export default {
  summary: "A table with a column for each class, 1 where an image is of it; images lie beside it under the name in the first column.",
  source: "the layout of ISIC 2018's ground truth, task 3",
  options: z.strictObject({
    // path, name, role, templates and testShare, which every source of users' data takes.
    ...commonOptions,
    ending: z.string().default(".jpg").describe("of the images' files, where the table leaves it out"),
  }),
  // Without a scheme a table is read as the built-in source reads one.
  recognises: () => false,
  async open({ path, name, role, templates, testShare, ending }) {
    if (!existsSync(path)) throw new DataError(`${path}: there is no such table`);
    const [samples, leftOut] = [[], []];
    let classes;
    for await (const { line, fields } of delimitedRows(path, separatorOf(header(path)))) {
      const [image = "", ...marks] = fields.map((field) => field.trim());
      if (!classes) {
        classes = marks;
        continue;
      }
      const own = classes.filter((_, i) => Number(marks[i]) === 1);
      const file = join(dirname(path), /\.[a-z]+$/i.test(image) ? image : `${image}${ending}`);
      // What cannot be a sample is told, not dropped: evergreen data check lists it.
      if (own.length !== 1) leftOut.push({ item: `line ${line}`, reason: `expected one class, got ${own.length}` });
      else if (!existsSync(file)) leftOut.push({ item: image, reason: "there is no such image" });
      else {
        const found = { key: image, className: classNameOf(own[0]), captions: [], split: splitOf(image, testShare) };
        samples.push({ ...found, image: { kind: "file", path: file }, bytes: statSync(file).size });
      }
    }
    // Sorts, gives ids and sentences, groups concepts, takes the fingerprint.
    return [indexedSource({ name: name ?? datasetName(path), role, templates, samples, leftOut })];
  },
};
