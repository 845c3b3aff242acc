import { expect, test } from "vitest";
import { outcomeTeller } from "./sweep-story.ts";

test("a reason that was told before is named by the trial that failed for it first", () => {
  const tell = outcomeTeller();
  const failed = (trial: string, reason: string): string => tell(trial, { state: "failed", reason }, "2 s");
  expect(failed("a", "no data\n  fix: fetch it")).toBe("failed after 2 s: no data\n  fix: fetch it");
  expect(failed("b", "no memory")).toBe("failed after 2 s: no memory");
  expect(failed("c", "no data\n  fix: fetch it")).toBe("failed after 2 s: the same reason as a");
  expect(failed("d", "no memory")).toBe("failed after 2 s: the same reason as b");
  expect(tell("e", { state: "stopped" }, "2 s")).toBe("stopped; the same command goes on");
});
