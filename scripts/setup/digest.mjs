// @ts-check
import { createHash } from "node:crypto";
import { createReadStream, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * SHA-256 of a file's content, read as a stream.
 * @param {string} file
 * @returns {Promise<string>} hex
 */
export async function digestOfFile(file) {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest("hex");
}

/**
 * SHA-256 over names and contents, in the order given; facts are hashed with them.
 * @param {string} root
 * @param {readonly string[]} files relative to root
 * @param {unknown} [facts]
 * @returns {string} hex
 */
export function digestOfTree(root, files, facts = null) {
  const hash = createHash("sha256").update(JSON.stringify(facts));
  for (const file of files) {
    const content = readFileSync(join(root, file));
    hash.update(`\0${file}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

/**
 * Every file under a folder, relative to it with `/`, sorted. A folder that does not exist has none.
 * @param {string} folder
 * @param {string} [prefix]
 * @returns {string[]}
 */
export function filesUnder(folder, prefix = "") {
  return entriesOf(join(folder, prefix))
    .flatMap((entry) => {
      const name = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
      return entry.isDirectory() ? filesUnder(folder, name) : [name];
    })
    .sort();
}

/** @param {string} folder */
function entriesOf(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
