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
