import { withArticle } from "../captions.ts";
import type { Packages } from "../packages.ts";
import { paintSvg } from "../paint.ts";
import { classNamesOf, type Family, type PlannedRecord, side } from "../planned.ts";

/** What is used of opentype.js. */
interface Font {
  charToGlyph(char: string): { getPath(x: number, y: number, size: number): GlyphPath };
}
interface GlyphPath {
  getBoundingBox(): { readonly x1: number; readonly y1: number; readonly x2: number; readonly y2: number };
  toPathData(decimals: number): string;
}
interface Opentype {
  parse(bytes: ArrayBuffer): Font;
}

export const digitWords = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"] as const;

/** Longer side of a drawn glyph: MNIST's 20 of 28 pixels, at 64. */
const glyphSide = 46;

/** Letters and digits in 22 typefaces. Upper and lower case are one class; digits come white on black as well. */
export const glyphFamily: Family = async (packages) => {
  const { parse } = await packages.module<Opentype>("opentype.js/dist/opentype.mjs");
  const fonts = packages.list("@fontsource");
  const records = (await Promise.all(fonts.map((name) => glyphsOf(packages, parse, name)))).flat();
  return [
    {
      name: "pool-glyphs",
      role: "pool",
      task: "caption",
      summary: "letters and digits in 22 typefaces",
      classNames: classNamesOf(records),
      templates: ["the {}", "{}"],
      records,
    },
  ];
};

async function glyphsOf(packages: Packages, parse: Opentype["parse"], name: string): Promise<PlannedRecord[]> {
  const path = `@fontsource/${name}/files/${name}-latin-400-normal.woff`;
  const bytes = await packages.bytes(path);
  const font = parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer);
  const { category } = packages.json<{ readonly category: string }>(`@fontsource/${name}/metadata.json`);
  const face = `${withArticle(category.replaceAll("-", " "))} font`;
  const record = (char: string, key: string, inverted = false): PlannedRecord => ({
    key: `${name}/${key}`,
    ...glyphWords(char, face),
    split: "train",
    source: `font-${name}`,
    file: `${path}#${char}`,
    paint: () => paintSvg(glyphSvg(font, char, inverted)),
  });
  const letters = [..."abcdefghijklmnopqrstuvwxyz"];
  const digits = [..."0123456789"];
  return [
    ...letters.flatMap((letter) => [record(letter, `lower-${letter}`), record(letter.toUpperCase(), `upper-${letter}`)]),
    ...digits.flatMap((digit) => [record(digit, `digit-${digit}`), record(digit, `digit-${digit}-inverted`, true)]),
  ];
}

/** Class name and captions of a letter or a digit. */
export function glyphWords(char: string, face: string): { readonly className: string; readonly captions: readonly string[] } {
  const digit = digitWords[Number.parseInt(char, 10)];
  const [className, other] = digit
    ? [`digit ${digit}`, `number ${digit}`]
    : [`letter ${char.toLowerCase()}`, `character ${char.toLowerCase()}`];
  return { className, captions: [`the ${className}`, `the ${other}`, `the ${className} in ${face}`] };
}

function glyphSvg(font: Font, char: string, inverted: boolean): string {
  const path = font.charToGlyph(char).getPath(0, 0, 1000);
  const { x1, y1, x2, y2 } = path.getBoundingBox();
  const scale = glyphSide / Math.max(x2 - x1, y2 - y1);
  const move = `translate(${side / 2} ${side / 2}) scale(${scale}) translate(${-(x1 + x2) / 2} ${-(y1 + y2) / 2})`;
  const [ink, paper] = inverted ? ["#fff", "#000"] : ["#000", "#fff"];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${side} ${side}"><rect width="${side}" height="${side}" fill="${paper}"/><path transform="${move}" fill="${ink}" d="${path.toPathData(2)}"/></svg>`;
}
