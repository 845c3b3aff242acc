// For the contract of sources: data that the source can read, of the pictures it is handed.

import { writeFileSync } from "node:fs";
import { join } from "node:path";

export default {
  // The source reads a path of the user's, and its images are files that can be broken.
  hasPath: true,
  canBreak: true,
  async make(folder, _variant, images) {
    const classes = ["owl", "red fox"];
    const rows = images.map(({ name, className }) => [name, ...classes.map((each) => (each === className ? "1.0" : "0.0"))].join(","));
    for (const { name, bytes } of images) writeFileSync(join(folder, name), bytes);
    const path = join(folder, "labels.csv");
    writeFileSync(path, `image,${classes.join(",")}\n${rows.join("\n")}\n`);
    return { name: "one-hot-csv", path };
  },
};
