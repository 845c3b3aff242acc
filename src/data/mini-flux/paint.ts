import sharp from "sharp";
import { MiniFluxError } from "./mini-flux-error.ts";
import { pictureBytes, side } from "./planned.ts";

const white = { r: 255, g: 255, b: 255 };

/** A drawing of SVG, contained in the square, on white. */
export function paintSvg(svg: string): Promise<Uint8Array> {
  return paintEncoded(Buffer.from(sizedSvg(svg)));
}

/** An encoded picture, contained in the square, on white. */
export async function paintEncoded(bytes: Uint8Array): Promise<Uint8Array> {
  const pixels = await sharp(bytes, { limitInputPixels: 4096 * 4096 })
    .resize(side, side, { fit: "contain", background: white })
    .flatten({ background: white })
    .toColourspace("srgb")
    .removeAlpha()
    .raw()
    .toBuffer();
  return checked(pixels);
}

/** A square of grey values, scaled up with cubic interpolation. */
export async function paintGrey(values: Uint8Array, width: number): Promise<Uint8Array> {
  const pixels = await sharp(values, { raw: { width, height: width, channels: 1 } })
    .resize(side, side, { kernel: "cubic" })
    .toColourspace("srgb")
    .raw()
    .toBuffer();
  return checked(pixels);
}

function checked(pixels: Uint8Array): Uint8Array {
  if (pixels.length !== pictureBytes)
    throw new MiniFluxError(
      `internal: a picture has ${pixels.length} bytes, expected ${pictureBytes}`,
      "report it with the version of sharp",
    );
  return pixels;
}

/**
 * The same SVG with a root that asks for 64 pixels on its longer side: a renderer that draws at the file's own size first would give
 * blurred (36 px) or slow (512 px) pictures. A root without a viewBox gets one from its width and height.
 */
export function sizedSvg(svg: string): string {
  const root = /<svg\b[^>]*>/.exec(svg);
  if (!root) throw new MiniFluxError("a drawing has no <svg> element", "remove the packages from the cache and build again");
  const tag = root[0];
  const attribute = (name: string): string | undefined => new RegExp(`\\s${name}\\s*=\\s*["']([^"']*)["']`).exec(tag)?.[1];
  const box =
    attribute("viewBox") ?? `0 0 ${Number.parseFloat(attribute("width") ?? "64")} ${Number.parseFloat(attribute("height") ?? "64")}`;
  const [, , width = 64, height = 64] = box
    .trim()
    .split(/[\s,]+/)
    .map(Number);
  const scale = side / Math.max(width, height);
  const bare = tag.replace(/\s(width|height|viewBox)\s*=\s*("[^"]*"|'[^']*')/g, "").replace(/\/?>$/, "");
  const sized = `${bare} viewBox="${box}" width="${width * scale}" height="${height * scale}">`;
  return svg.slice(0, root.index) + sized + svg.slice(root.index + tag.length);
}
