import type { Packages } from "./packages.ts";

interface IconBox {
  readonly left?: number;
  readonly top?: number;
  readonly width?: number;
  readonly height?: number;
}
interface Icon extends IconBox {
  readonly body: string;
}
export interface IconFile extends IconBox {
  readonly icons: Readonly<Record<string, Icon>>;
  readonly aliases?: Readonly<Record<string, { readonly parent: string }>>;
}

/** An iconify package: its drawings by name, and by code points where the package knows them. */
export interface IconSet {
  readonly names: readonly string[];
  /** The icon that has this emoji's code points (lower-case hex, `-` between, no FE0F). */
  nameOf(hex: string): string | undefined;
  svg(name: string): string;
}

/** Reads `@iconify-json/<set>`. */
export function readIconSet(packages: Packages, set: string): IconSet {
  const file = packages.json<IconFile>(`@iconify-json/${set}/icons.json`);
  const chars = packages.json<Readonly<Record<string, string>>>(`@iconify-json/${set}/chars.json`);
  const byHex = new Map(Object.entries(chars).map(([hex, name]) => [plainHex(hex), name]));
  return {
    names: [...Object.keys(file.icons), ...Object.keys(file.aliases ?? {})].sort(),
    nameOf: (hex) => byHex.get(hex),
    svg: (name) => iconSvg(file, name),
  };
}

/** Lower case and without the variation selector, which sources put differently. */
export function plainHex(hex: string): string {
  return hex
    .toLowerCase()
    .split(/[-_]/)
    .filter((point) => point !== "fe0f")
    .join("-");
}

/** An icon, or the one its alias stands for, as a whole SVG file. */
export function iconSvg(file: IconFile, name: string): string {
  const icon = file.icons[name];
  if (!icon) {
    const alias = file.aliases?.[name];
    if (!alias) throw new RangeError(`internal: the icon set has no "${name}"`);
    if (Object.keys(alias).length > 1) throw new RangeError(`internal: the alias "${name}" turns or resizes "${alias.parent}"`);
    return iconSvg(file, alias.parent);
  }
  const box = [icon.left ?? file.left ?? 0, icon.top ?? file.top ?? 0, icon.width ?? file.width ?? 16, icon.height ?? file.height ?? 16];
  const spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"';
  return `<svg ${spaces} viewBox="${box.join(" ")}">${icon.body}</svg>`;
}
