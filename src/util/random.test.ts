import { describe, expect, test } from "vitest";
import { createRandom, philox, philoxKey } from "./random.ts";

const hex = (words: readonly number[]): string => words.map((word) => word.toString(16).padStart(8, "0")).join(" ");

describe("philox", () => {
  test("gives the published known answers (training.g1-g3)", () => {
    expect(hex(philox([0, 0, 0, 0], [0, 0]))).toBe("6627e8d5 e169c58d bc57ac4c 9b00dbd8");
    const ones = 0xffffffff;
    expect(hex(philox([ones, ones, ones, ones], [ones, ones]))).toBe("408f276d 41c83b0e a20bc7c6 6d5451fd");
    expect(hex(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]))).toBe(
      "d16cfe09 94fdcceb 5001e420 24126ea1",
    );
  });
  test("keys are folded from seed and purpose (training.g4-g6)", () => {
    expect(hex(philoxKey(0, "order/update"))).toBe("775d57ca bc6b74e3");
    expect(hex(philoxKey(1, "order/update"))).toBe("f80a9662 8b138deb");
    expect(hex(philox([0, 5, 3, 2], philoxKey(0, "order/update")))).toBe("03c762c0 40e28ddf 26cb58e1 ab914af0");
  });
  test("permutations follow task and pass (training.g7, g8)", () => {
    const at = (seed: number, task: number, index: number): string =>
      createRandom(seed).at("order/update", { task, index }).permutation(8).join(" ");
    expect(at(0, 0, 0)).toBe("2 3 7 6 4 5 1 0");
    expect(at(0, 0, 1)).toBe("0 5 1 7 6 2 4 3");
    expect(at(0, 1, 0)).toBe("0 4 1 2 7 5 6 3");
    expect(at(1, 0, 0)).toBe("2 6 4 7 5 3 1 0");
  });
});

describe("draws", () => {
  test("the same address gives the same numbers whatever was asked before", () => {
    const random = createRandom(7);
    const first = random.at("crop/update", { index: 3 }).uniform();
    random.at("crop/update", { index: 4 }).permutation(100);
    expect(random.at("crop/update", { index: 3 }).uniform()).toBe(first);
  });
  test("uniform has mean 1/2 and normal variance 1 within five standard errors", () => {
    const draws = createRandom(1).at("test");
    const n = 40_000;
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < n; i++) {
      sum += draws.uniform();
      squares += draws.normal() ** 2;
    }
    expect(Math.abs(sum / n - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / n));
    expect(Math.abs(squares / n - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
  });
  test("normal is Box-Muller on two uniforms, to the last bits", () => {
    const uniforms = createRandom(3).at("test");
    const normals = createRandom(3).at("test");
    for (let i = 0; i < 1000; i++) {
      const [u, v] = [uniforms.uniform(), uniforms.uniform()];
      expect(Math.abs(normals.normal() - Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v))).toBeLessThan(1e-14);
    }
  });
  test("a permutation of two million holds every number once and takes under five seconds of processor time", () => {
    const start = process.cpuUsage();
    const order = createRandom(0).at("test").permutation(2_000_000);
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(5);
    const seen = new Uint8Array(order.length);
    for (const i of order) seen[i] = 1;
    expect(seen.every((hit) => hit === 1)).toBe(true);
    expect([order[0], order[1], order[1_999_999]]).toEqual([
      ...createRandom(0)
        .at("test")
        .permutation(2_000_000)
        .filter((_, i) => i < 2 || i === 1_999_999),
    ]);
  });
  test("below refuses what is no count", () => {
    expect(() => createRandom(0).at("test").below(0)).toThrow(RangeError);
  });
});
