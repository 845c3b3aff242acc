/** Colours of figures by role, for light and dark paper. Blue, vermilion and green of Okabe and Ito, moved until text in them has a contrast of 4.5. */
export const palette = {
  paper: { light: "#ffffff", dark: "#14171c" },
  ink: { light: "#1b1f24", dark: "#e9ecf0" },
  quiet: { light: "#59616c", dark: "#a3acb8" },
  line: { light: "#d5d9df", dark: "#3a424d" },
  band: { light: "#f2f4f7", dark: "#1d222a" },
  knowledge: { light: "#0064a4", dark: "#5cb8f0" },
  "zero-shot": { light: "#b34700", dark: "#ff9d57" },
  mean: { light: "#00704f", dark: "#3fd0a0" },
} as const;
export type Role = keyof typeof palette;

/** The colour of a role as a reference that the page's style resolves. */
export function ink(role: Role): string {
  return `var(--${role})`;
}

/** `--paper: #ffffff; …` */
export function variables(mode: "light" | "dark"): string {
  return Object.entries(palette)
    .map(([role, colour]) => `--${role}: ${colour[mode]};`)
    .join(" ");
}

/** Relative luminance of `rgb(r, g, b)` or `#rrggbb` (WCAG 2). */
function luminance(colour: string): number {
  const hex = /^#(..)(..)(..)$/.exec(colour);
  const parts = hex ? hex.slice(1).map((part) => Number.parseInt(part, 16)) : (colour.match(/\d+(\.\d+)?/g) ?? []).map(Number);
  const [r = 0, g = 0, b = 0] = parts.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Black or white, whichever has more contrast on a colour: at least 4.58 on any. */
export function legible(colour: string): string {
  return contrast(colour, "#000000") >= contrast(colour, "#ffffff") ? "#000000" : "#ffffff";
}

/** Contrast of two colours, 1 to 21 (WCAG 2). */
export function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}
