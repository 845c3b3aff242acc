import { extname, resolve } from "node:path";
import { UsageError } from "../util/errors.ts";

/** The whole path of the picture that a flag names. @throws {UsageError} unless it ends in .svg or .png. */
export function pictureFile(flag: string, file: string): string {
  if (![".svg", ".png"].includes(extname(file).toLowerCase()))
    throw new UsageError(`--${flag} ${file}: expected .svg or .png`, "end the name in one of them");
  return resolve(file);
}

/** Writes a figure as its file's ending says: `.svg`, or `.png` at two pixels a point. */
export async function drawTo(svg: string, out: string): Promise<void> {
  const { standalone } = await import("../report/drawing.ts");
  const { writeOutput } = await import("./output-file.ts");
  const picture = standalone(svg);
  if (out.toLowerCase().endsWith(".svg")) return writeOutput(out, [picture]);
  const { default: sharp } = await import("sharp");
  // An SVG's points are drawn at 72 dots an inch.
  writeOutput(out, [await sharp(Buffer.from(picture), { density: 144 }).png().toBuffer()]);
}
