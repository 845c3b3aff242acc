import { afterAll, beforeAll, expect, test } from "vitest";
import { openWorld, type World } from "../../../test/fixtures/training/stage.ts";
import { stepsUnder } from "../../../test/fixtures/training/steps.ts";
import { compose } from "../compose.ts";
import { methods as catalogue, type Method } from "../method.ts";
import derPp from "./der-pp.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const built = (options: object = {}): Method => derPp.build(derPp.options.parse(options));

const lossesOf = async (name: string, method: Method): Promise<readonly Readonly<Record<string, number>>[]> =>
  (await stepsUnder(world, compose([{ name, method }]))).map(({ losses }) => losses);

test("has both terms from the second step on, each by its own weight", async () => {
  const losses = await lossesOf("der-pp", built());
  expect(losses.map((of) => Object.keys(of).sort().join())).toEqual(["loss", ...Array(4).fill("der-pp/logits,der-pp/replay,loss")]);
  const other = await lossesOf("der-pp", built({ alpha: 0.3, beta: 0.25 }));
  expect((other[1]?.["der-pp/logits"] ?? 0) / (losses[1]?.["der-pp/logits"] ?? 1)).toBeCloseTo(3, 3);
  expect((other[1]?.["der-pp/replay"] ?? 0) / (losses[1]?.["der-pp/replay"] ?? 1)).toBeCloseTo(0.5, 5);
});

test("at step 1, where all that is held is drawn, its terms are those of der and er", async () => {
  const [both, logits, replay] = [
    await lossesOf("der-pp", built({ alpha: 0.3, beta: 1 })),
    await lossesOf("der", (await catalogue.load("der")).build({ alpha: 0.3, logits: "scaled", size: 500 })),
    await lossesOf("er", (await catalogue.load("er")).build({ alpha: 1, size: 500 })),
  ];
  expect(both[1]?.["der-pp/logits"]).toBeCloseTo(logits[1]?.["der/logits"] ?? 0, 6);
  expect(both[1]?.["der-pp/replay"]).toBeCloseTo(replay[1]?.["er/replay"] ?? 0, 5);
});

test("its two draws are independent: with one sample each of many, some steps draw two and some draw one twice", async () => {
  const method = built({ draw: 1 });
  const counts: number[] = [];
  const watching: Method = {
    ...method,
    loss: (batch, state) => {
      counts.push(batch.rows.filter(({ role }) => role === "reservoir").length);
      return method.loss?.(batch, state) ?? {};
    },
  };
  await lossesOf("der-pp", watching);
  expect(counts[0]).toBe(0);
  expect(counts.slice(1).every((count) => count === 1 || count === 2)).toBe(true);
  expect(counts.slice(1)).toContain(2);
});
