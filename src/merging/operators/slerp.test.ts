import { expect, test } from "vitest";
import { furthest, mergeToy, notesOfToys } from "../../../test/engine/toy-merges.ts";

const slerp = (a: number[], b: number[], w: number) =>
  mergeToy({ operator: { name: "slerp" }, models: [a, b], weights: { each: [1 - w, w] } });

test("weights [1, 0] give the first model, [0, 1] the second: the order of linear", async () => {
  expect(furthest(await slerp([3, 1], [-1, 2], 0), [3, 1])).toBeLessThan(1e-6);
  expect(furthest(await slerp([3, 1], [-1, 2], 1), [-1, 2])).toBeLessThan(1e-6);
});

test("unit vectors stay unit vectors, and the angle is divided as the weights say", async () => {
  const angle = 1.2;
  const found = await slerp([1, 0], [Math.cos(angle), Math.sin(angle)], 0.3);
  expect(furthest(found, [Math.cos(0.3 * angle), Math.sin(0.3 * angle)])).toBeLessThan(1e-6);
});

test("parallel, opposite and zero models are merged linearly", async () => {
  expect(furthest(await slerp([1, 1], [3, 3], 0.25), [1.5, 1.5])).toBeLessThan(1e-6);
  expect(furthest(await slerp([1, 1], [-1, -1], 0.25), [0.5, 0.5])).toBeLessThan(1e-6);
  expect(furthest(await slerp([0, 0], [4, 2], 0.5), [2, 1])).toBeLessThan(1e-6);
});

test("the user is told of opposite tensors, and of no others", async () => {
  const notes = (b: Readonly<Record<string, readonly number[]>>) =>
    notesOfToys({ operator: { name: "slerp" }, models: [{ x: [1, 1], y: [1, 0], z: [2, 2] }, b] });
  expect(await notes({ x: [1, 1], y: [0, 1], z: [0, 0] })).toEqual([]);
  expect(await notes({ x: [-3, -3], y: [0, 1], z: [-1, -1] })).toEqual([
    "image tower: merged linearly where models point in opposite directions: x and 1 more",
  ]);
});
