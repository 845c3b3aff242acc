import { expect, test } from "vitest";
import { settleIdleThreads } from "./idle-threads.ts";

function settled(env: Record<string, string | undefined>, spin?: string): readonly (string | undefined)[] {
  settleIdleThreads(env, ...(spin === undefined ? [] : [spin]));
  return [env.OMP_WAIT_POLICY, env.GOMP_SPINCOUNT];
}

test("threads spin for a while and sleep; a later word of our own replaces an earlier one, the user's stands", () => {
  const env = {};
  expect(settled(env)).toEqual(["PASSIVE", "10000"]);
  expect(settled(env, "0")).toEqual(["PASSIVE", "0"]);
  expect(settled(env)).toEqual(["PASSIVE", "0"]);
  expect(settled({ OMP_WAIT_POLICY: "", GOMP_SPINCOUNT: "" })).toEqual(["PASSIVE", "10000"]);
  expect(settled({ OMP_WAIT_POLICY: "PASSIVE" }, "0")).toEqual(["PASSIVE", undefined]);
  expect(settled({ OMP_WAIT_POLICY: "ACTIVE" })).toEqual(["ACTIVE", undefined]);
  expect(settled({ GOMP_SPINCOUNT: "7" }, "0")).toEqual([undefined, "7"]);
});
