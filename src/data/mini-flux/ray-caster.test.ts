import { expect, test } from "vitest";
import { pictureBytes, side } from "./planned.ts";
import { hitSolid, paintScene, type Scene, solidShapes } from "./ray-caster.ts";

test("a ray straight at a sphere meets its near side", () => {
  expect(hitSolid("sphere", 1, [0, 1, -5], [0, 0, 1])).toEqual({ distance: 4, normal: [0, 0, -1] });
});

test("a ray at height h meets a sphere where Pythagoras says", () => {
  const hit = hitSolid("sphere", 1, [0, 1.6, -5], [0, 0, 1]);
  expect(hit?.distance).toBeCloseTo(5 - 0.8, 12);
  expect(hit?.normal[1]).toBeCloseTo(0.6, 12);
});

test("a cube, a cylinder and a capsule are met at their fronts", () => {
  expect(hitSolid("cube", 1, [0, 1, -5], [0, 0, 1])?.distance).toBeCloseTo(4, 12);
  expect(hitSolid("cylinder", 1, [0, 1, -5], [0, 0, 1])?.distance).toBeCloseTo(5 - 0.9, 12);
  expect(hitSolid("capsule", 1, [0, 1.2, -5], [0, 0, 1])?.distance).toBeCloseTo(5 - 0.6, 12);
});

test("from above they are met at their tops", () => {
  const tops = { cube: 2, cylinder: 1.8, sphere: 2, capsule: 2.4 };
  for (const shape of solidShapes) expect(hitSolid(shape, 1, [0, 5, 0], [0, -1, 0])?.distance, shape).toBeCloseTo(5 - tops[shape], 12);
});

test("a ray beside, above or away from a solid misses it", () => {
  for (const shape of solidShapes) {
    expect(hitSolid(shape, 1, [3, 1, -5], [0, 0, 1]), shape).toBeUndefined();
    expect(hitSolid(shape, 1, [0, 3, -5], [0, 0, 1]), shape).toBeUndefined();
    expect(hitSolid(shape, 1, [0, 1, -5], [0, 0, -1]), shape).toBeUndefined();
  }
});

test("a scene shows wall above, floor below and the solid in the middle, each in its own hue", () => {
  const scene: Scene = { shape: "sphere", size: 0.9, turn: 0, solid: [200, 0, 0], floor: [0, 200, 0], wall: [0, 0, 200] };
  const picture = paintScene(scene);
  expect(picture.length).toBe(pictureBytes);
  const hue = (x: number, y: number): number => {
    const rgb = [0, 1, 2].map((c) => picture[(y * side + x) * 3 + c] ?? 0);
    return rgb.indexOf(Math.max(...rgb));
  };
  expect([hue(32, 32), hue(5, 60), hue(32, 2)]).toEqual([0, 1, 2]);
});
