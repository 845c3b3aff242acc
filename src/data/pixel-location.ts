import type { ImageLocation } from "./source.ts";

/** A place of pixels that need no decoder. */
export type PixelLocation = Extract<ImageLocation, { readonly width: number }>;

export const holdsPixels = (location: ImageLocation): location is PixelLocation => "width" in location;

/** Bytes of such pixels. */
export const pixelBytes = (location: PixelLocation): number =>
  location.width * location.height * (location.kind === "planes" ? location.channels : 3);
