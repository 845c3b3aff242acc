import { describe, expect, test } from "vitest";
import { close, mergingOverTime, scalars } from "../../test/fixtures/continual/merged-scalars.ts";

describe("the guard of merges over scalars θ0 = 0, θ_i", () => {
  test("what an operator had to do otherwise is told with its task", async () => {
    const { warnings, deploy } = await scalars({ base: "first", weight: 0.5, operator: "slerp" }, [1, -1]);
    expect(warnings.filter((each) => each.startsWith("task 1,"))).toEqual([]);
    expect(warnings).toContainEqual(
      expect.stringMatching(/^task 2, text tower: merged linearly where models point in opposite directions: /),
    );
    close(deploy, [1, 0]);
  });

  test("a merge whose loss is more than twice that of what was merged ends the run, or is told of where it is only to warn", async () => {
    const lossOf = (merged: number) => (value: number) => (value === 0.5 ? merged : value === 1 ? 2 : 1);
    const { warnings, probed } = await scalars({ weight: 0.5, guard: "warn" }, [1, 2], { loss: lossOf(4.01) });
    // The old weights, θ0, are looked at where the merge is worse than the new.
    expect(probed).toEqual([[1, 0.5], [0], [2, 1.25]]);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^task 1, unrolled: the merged weights' loss .* is 4.01, more than twice that of the new weights \(2.00\) and of the old \(1.00\)/,
      ),
    ]);
    expect((await scalars({ weight: 0.5 }, [1, 2], { loss: lossOf(4) })).warnings).toEqual([]);
    for (const guard of [undefined, "stop"])
      await expect(scalars({ weight: 0.5, guard }, [1], { loss: lossOf(4.01) })).rejects.toMatchObject({ code: "EG-7151" });
    const worseBefore = await scalars({ weight: 0.5 }, [1], { loss: (value) => ({ 1: 0.5, 0.5: 3, 0: 10 })[value] ?? Number.NaN });
    expect([worseBefore.probed, worseBefore.warnings]).toEqual([[[1, 0.5], [0]], []]);
    const cells = await scalars({ start: "anchored", deploy: "all", weight: 0.5 }, [1, 2]);
    expect(cells.probed).toEqual([
      [1, 0.5],
      [2, 1, 1.5],
    ]);
  });

  test("three merges that each lead a quarter farther are warned of, and end no run", async () => {
    const operator = { name: "task-arithmetic", lambda: 0.7 };
    const { warnings } = await scalars({ start: "zs", operator, guard: "stop" }, [1, 0, 0.5, 1]);
    expect(warnings).toEqual([expect.stringMatching(/unrolled, text tower: the distance from the base grew by more than 25 %/)]);
  });

  test("task arithmetic with λ = 0.1 in a chain from θ0 stays, with λ = 1 it runs away and says so", async () => {
    const operator = { name: "task-arithmetic", lambda: 0.1 };
    close((await scalars({ start: "zs", operator }, [1, 1, 1, 1])).deploy, [0.1, 0.11, 0.111, 0.1111]);
    const loose = { start: "zs", operator: { name: "task-arithmetic", lambda: 1 }, guard: "stop" };
    expect((await scalars(loose, [1, 1])).deploy).toEqual([1, 2]);
    expect((await scalars({ ...loose, guard: undefined }, [1, 1, 1])).warnings).toContainEqual(expect.stringMatching(/3\.00 times as far/));
    await expect(scalars(loose, [1, 1, 1])).rejects.toThrow(/3\.00 times as far from the base/);
    // Experts that start from the merge: 1, 3, 7 from the base, where the experts are 1, 2, 4.
    await expect(scalars({ ...loose, start: "unrolled" }, [1, 2, 4])).rejects.toThrow(/3\.00 times as far from the base/);
  });
});

test.each([
  // With the first weights beside them; from the second task on the chain's cosine looks at three models more.
  ["the chain", { weight: 0.9 }, [4, 7, 7]],
  ["a chain from the first expert", { weight: 0.9, base: "first" }, [0, 7, 7]],
  ["a running mean", { start: "zs", deploy: "all" }, [0, 4, 4]],
  ["every expert, kept and looked at four times", { start: "zs", deploy: "all", operator: "ties" }, [1, 14, 18]],
  ["towers of their own", { start: "zs", deploy: "all", towers: { text: { operator: "ties" } } }, [1, 14, 18]],
  ["start and deployment apart", { start: "anchored", deploy: "unrolled", weight: 0.9 }, [8, 11, 11]],
  ["nothing merged", { start: "latest", deploy: "latest" }, [0, 0, 0]],
] as const)("passes over a model's entries: what goes in, as often as operators look, and the result: %s", async (_, options, expected) => {
  const { passes } = mergingOverTime(options);
  expect(await Promise.all([0, 1, 2].map((task) => passes?.(task)))).toEqual(expected);
});
