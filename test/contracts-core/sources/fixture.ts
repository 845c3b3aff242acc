import sharp from "sharp";
import type { ComponentSpec } from "../../../src/util/component.ts";

/** How a small data set is to be written. */
export interface FixtureVariant {
  /** Files are written, and listed where the spec lists them, the other way round. */
  readonly reversed?: boolean;
  /** One caption or one image more. */
  readonly changed?: boolean;
  /** One image is cut off in the middle. */
  readonly broken?: boolean;
}

/** What a source brings so that the contract suite can try it: a file of its name in this folder. */
export interface SourceFixture {
  /** Writes at least six samples of two classes or with captions into an empty folder, and says how a run would name them. `images` are ones it may write, by {@link fixtureImages}. */
  make(folder: string, variant: FixtureVariant, images?: readonly FixtureImage[]): Promise<ComponentSpec>;
  /** False for a source that has no path of its own. */
  readonly hasPath: boolean;
  /** False for a source that makes its images itself, and so has none that is broken. */
  readonly canBreak: boolean;
}

export interface FixtureImage {
  readonly name: string;
  readonly className: string;
  readonly caption: string;
  readonly bytes: Buffer;
}

/** Eight pictures of two classes; `changed` has a ninth, and of `broken` ones the third ends too early. */
export async function fixtureImages({ reversed, changed, broken }: FixtureVariant): Promise<readonly FixtureImage[]> {
  const count = changed === true ? 9 : 8;
  const images = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const [width, height] = [20 + i, 30 - i];
      const data = Buffer.from(Uint8Array.from({ length: width * height * 3 }, (_, p) => (p * (i + 1)) % 251));
      const image = sharp(data, { raw: { width, height, channels: 3 } });
      const bytes = await (i % 2 === 0 ? image.jpeg() : image.png()).toBuffer();
      const className = i < 4 ? "red fox" : "owl";
      const whole = !(broken === true && i === 2);
      return {
        name: `${i}.${i % 2 === 0 ? "jpg" : "png"}`,
        className,
        caption: `picture ${i}, "quoted", of a ${className}`,
        bytes: whole ? bytes : bytes.subarray(0, bytes.length / 2),
      };
    }),
  );
  return reversed === true ? images.reverse() : images;
}
