import { expect, test } from "vitest";
import { memory } from "./memory.ts";
import { fromHost, shapesOnHost, toHost } from "./offload.ts";
import { zeros } from "./ops.ts";
import { keep, release, scope } from "./scope.ts";
import { tensor } from "./tensor.ts";

test("in the host's memory a tensor stays what it is", () => {
  scope(() => {
    const own = tensor([1, 2], [2], "float32");
    expect(toHost(own)).toBe(own);
    expect(fromHost(own, own.device)).toBe(own);
  });
});

test("on shapes alone what is in the host's memory takes none of the device's, until it is brought back", () => {
  const { tensors, metaLive } = memory();
  const away = scope(() => keep(toHost(zeros([8, 4], "float32", "meta"))));
  expect([away.shape, away.dtype, away.size]).toEqual([[8, 4], "float32", 32]);
  expect(memory().metaLive - metaLive).toBe(4);
  expect(toHost(away)).toBe(away);
  scope(() => {
    const here = fromHost(away, "meta");
    expect(here.shape).toEqual([8, 4]);
    expect(memory().metaLive - metaLive).toBe(4 + 4 * 32);
    expect(shapesOnHost({ one: new Map([["a", away]]), other: [here] })).toEqual([away]);
  });
  release(away);
  expect(memory()).toMatchObject({ tensors, metaLive });
});
