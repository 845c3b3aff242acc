import { describe, expect, test } from "vitest";
import { ConfigError } from "../util/config-problem.ts";
import { readSpec } from "./spec.ts";

const parity = "test/fixtures/runs/parity.yaml";
const rate = (lr: string, batchSize = 512): number =>
  readSpec({ files: [parity], env: {}, cwd: process.cwd(), presets: "presets", set: [`data.batch_size=${batchSize}`, `optim.lr=${lr}`] })
    .spec.optim.lr;

describe("a learning rate", () => {
  test("is rescaled from OpenCLIP's pretraining: the values of the protocol at 512", () => {
    expect(Math.abs(rate("{rule: linear}") - 5.8139534883720935e-6)).toBeLessThanOrEqual(1e-20);
    expect(Math.abs(rate("{rule: square-root}") - 7.624928516630234e-5)).toBeLessThanOrEqual(1e-19);
  });
  test("is rescaled from any batch it is known at: base 256 doubles it at 512", () => {
    expect(rate("{rule: linear, rate: 1e-5, batch_size: 256}")).toBe(2e-5);
    expect(rate("{rule: linear, rate: 1e-5, batch_size: 256}", 128)).toBe(5e-6);
  });
  test("stays what it is as a number", () => {
    expect(rate("3e-4", 7)).toBe(3e-4);
  });
  test.each([
    ["{rule: cubic}", 'optim.lr.rule: expected one of linear, square-root, got "cubic"'],
    ["{rule: linear, batchsize: 3}", "optim.lr.batchsize: unknown key; expected one of rule, rate, batch_size"],
    ["{rate: 1e-3}", "optim.lr.rule: missing; expected one of linear, square-root"],
  ])("%s is refused", (lr, problem) => {
    const problems = (): unknown => {
      try {
        return rate(lr);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        return error.problems.map(({ path, message }) => `${path}: ${message}`);
      }
    };
    expect(problems()).toEqual([problem]);
  });
});
