import { describe, expect, test } from "vitest";
import { mixtureNames, mixturePresets } from "../mixtures/presets.ts";
import { ConfigError } from "../util/config-problem.ts";
import { readSpec } from "./spec.ts";

const parity = "test/fixtures/runs/parity.yaml";
const read = (mixture: string, ...set: readonly string[]) =>
  readSpec({ files: [parity], env: {}, cwd: process.cwd(), presets: "presets", set: [`data.mixture=${mixture}`, ...set] });

function problems(mixture: string, ...set: readonly string[]): readonly string[] {
  try {
    read(mixture, ...set);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ path, message, fix }) => `${path ?? ""}: ${message}${fix ? `; ${fix}` : ""}`);
  }
  return [];
}

describe("a mixture", () => {
  test.each(mixtureNames)("%s is the same by its name as by its shares", (name) => {
    expect(read(name).spec).toEqual(read(JSON.stringify(mixturePresets[name])).spec);
    expect(read(name).spec.data.mixture).toEqual([{ task: 0, from: 0, shares: mixturePresets[name] }]);
  });
  test("is the reference where none is given", () => {
    expect(read("null").spec.data.mixture).toEqual([{ task: 0, from: 0, shares: mixturePresets.reference }]);
  });
  test("may change inside tasks and from task to task", () => {
    const phases =
      '[{shares: update-only}, {from: "75%", shares: {update: 0.5, buffer: 0.5}}, {task: 3, shares: iidify}, {task: 3, from: 4, shares: oracle}]';
    expect(read(phases).spec.data.mixture).toEqual([
      { task: 0, from: 0, shares: mixturePresets["update-only"] },
      { task: 0, from: 0.75, shares: { update: 0.5, buffer: 0.5, pretraining: 0 } },
      { task: 2, from: 0, shares: mixturePresets.iidify },
      { task: 2, from: 4, shares: mixturePresets.oracle },
    ]);
  });
  test.each([
    [
      "referenc",
      'data.mixture: expected one of reference, no-buffer, ibrahim, pretrain-heavy, iidify, oracle, update-only or a map or a list, got "referenc"; did you mean "reference"?',
    ],
    ["{updat: 1}", 'data.mixture.updat: unknown key; expected one of update, buffer, pretraining; did you mean "update"?'],
    ["{update: 2}", "data.mixture.update: expected a number >= 0 <= 1, got 2"],
    ["[{shares: oracle, form: 3}]", 'data.mixture[0].form: unknown key; expected one of task, from, shares; did you mean "from"?'],
    ["[{shares: {update: 0.5}}]", "data.mixture[0].shares: shares add up to 0.5, expected 1 (update 0.5, buffer 0, pretraining 0)"],
    ["[{task: 2, shares: oracle}]", "data.mixture[0].task: expected 1: a run begins with its first task, got 2"],
    ["[{from: 2, shares: oracle}]", "data.mixture[0].from: expected 0: the first phase of a task begins with it, got 2"],
    [
      "[{shares: oracle}, {task: 3, shares: oracle}, {task: 2, shares: oracle}]",
      "data.mixture[2].task: expected a whole number >= 3: phases stand in the order of their tasks, got 2",
    ],
    [
      '[{shares: oracle}, {from: "50%", shares: iidify}, {from: "50%", shares: oracle}]',
      'data.mixture[2].from: expected more than 50%: phases of a task stand in the order of their steps, got "50%"',
    ],
  ])("%s is refused", (mixture, problem) => {
    expect(problems(mixture)).toContain(problem);
  });
  test("makes what it never opens a key without effect, in whatever form it is written", () => {
    const pool = "data.pretraining.from=./x";
    for (const mixture of ["iidify", "[{shares: iidify}, {task: 2, shares: update-only}]"])
      expect(problems(mixture, pool)).toEqual(["data.pretraining: has no effect: data.mixture never gives pretraining a share; remove it"]);
    expect(problems("[{shares: iidify}, {task: 2, shares: oracle}]", pool)).toEqual([]);
    expect(problems("oracle", "data.first_task_rule=split")).toEqual([
      "data.first_task_rule: has no effect: data.mixture never gives buffer a share; remove it",
    ]);
  });
});
