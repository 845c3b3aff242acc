import { type PlotOptions, plot } from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { escapeMarkup } from "./markup.ts";
import { palette, type Role } from "./palette.ts";
import { oneLine, type Table } from "./table.ts";

/** A picture with what it shows in words and in numbers. */
export interface Figure {
  /** A word for names of files and anchors. */
  readonly id: string;
  readonly title: string;
  /** How to read the picture. */
  readonly legend: string;
  /** What its numbers say, computed from them. */
  readonly reading: string;
  readonly table: Table;
  /** SVG with colours as references to the page's style. */
  readonly svg: string;
}

/** What this module needs of the elements that linkedom makes. */
interface Element {
  readonly outerHTML: string;
  removeAttribute(name: string): void;
  querySelectorAll(selector: string): Iterable<Element>;
}

const font = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, sans-serif";

/** Draws with Plot; `label` is what a screen reader says instead of the picture. The same options give the same text. */
export function draw(label: string, options: PlotOptions): string {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const drawn = plot({
    ...options,
    document: document as unknown as NonNullable<PlotOptions["document"]>,
    className: "plot",
    style: { background: "none", color: "inherit", fontFamily: font, fontSize: "12px" },
  });
  const svg = drawn as unknown as Element;
  // Inside a picture with a name, names of its parts are noise.
  for (const part of svg.querySelectorAll("[aria-label], [aria-description], [aria-hidden]"))
    for (const name of ["aria-label", "aria-description", "aria-hidden"]) part.removeAttribute(name);
  // linkedom escapes text but not attributes, so the one attribute with words is written here.
  return svg.outerHTML.replaceAll("&nbsp;", "&#160;").replace("<svg ", () => `<svg role="img" aria-label="${escapeMarkup(label)}" `);
}

/** The SVG as a file of its own: light colours written out, on white, so that every viewer shows it the same. */
export function standalone(svg: string): string {
  const coloured = svg
    .replace(/var\(--([a-z-]+)\)/g, (reference, role: string) => (role in palette ? palette[role as Role].light : reference))
    .replaceAll("currentColor", palette.ink.light)
    .replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ');
  const open = coloured.indexOf(">", coloured.indexOf("<svg ")) + 1;
  return `${coloured.slice(0, open)}<rect width="100%" height="100%" fill="${palette.paper.light}"/>${coloured.slice(open)}\n`;
}

/** The text cut to a number of signs, the last an ellipsis. */
export function short(text: string, most: number): string {
  const signs = [...oneLine(text)];
  return signs.length <= most ? signs.join("") : `${signs.slice(0, most - 1).join("")}…`;
}

/** A range around some values with a twentieth of air on each side, within [0, 100]. */
export function airy(values: readonly number[], least = 4): readonly [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const air = Math.max((high - low) / 16, (least - (high - low)) / 2, 0.5);
  return [Math.max(0, low - air), Math.min(100, high + air)];
}
