import { expect, test } from "vitest";
import { iconSvg, plainHex } from "./iconify.ts";

const file = {
  width: 36,
  height: 36,
  icons: { cat: { body: "<path/>" }, wide: { body: "<g/>", left: 2, width: 72 } },
  aliases: { kitty: { parent: "cat" }, loop: { parent: "kitty" }, mirrored: { parent: "cat", hFlip: true } },
};

test("an icon takes the set's size unless it has its own", () => {
  expect(iconSvg(file, "cat")).toContain('viewBox="0 0 36 36"><path/></svg>');
  expect(iconSvg(file, "wide")).toContain('viewBox="2 0 72 36"');
});

test("an alias of an alias gives the drawing at the end", () => {
  expect(iconSvg(file, "loop")).toBe(iconSvg(file, "cat"));
});

test("an alias that mirrors is refused, for it would be drawn the wrong way round", () => {
  expect(() => iconSvg(file, "mirrored")).toThrow('the alias "mirrored" turns or resizes "cat"');
});

test("an unknown name is refused", () => {
  expect(() => iconSvg(file, "dog")).toThrow('no "dog"');
});

test("code points are compared without case and variation selector", () => {
  expect(plainHex("1F468-200D-2764-FE0F-200D-1F468")).toBe("1f468-200d-2764-200d-1f468");
  expect(plainHex("0023_fe0f_20e3")).toBe("0023-20e3");
});
