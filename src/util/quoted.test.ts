import { expect, test } from "vitest";
import { plainOrQuoted, quoted } from "./quoted.ts";

test("a name is shown on one line, short, and harmless to a terminal", () => {
  expect(quoted('a"b\n\u001b[31m\u0000')).toBe('"a\\"b\\n\\u001b[31m\\u0000"');
  expect(quoted("a\u009b31m\u202eb\u2028")).toBe('"a\\u009b31m\\u202eb\\u2028"');
  expect(quoted("ü 象")).toBe('"ü 象"');
  expect(quoted("x".repeat(5_000_000))).toBe(`"${"x".repeat(77)}..."`);
  expect(plainOrQuoted("visual.layer1.0.bn1.weight")).toBe("visual.layer1.0.bn1.weight");
  expect(plainOrQuoted("a b")).toBe('"a b"');
  expect(plainOrQuoted("y".repeat(81))).toBe(`"${"y".repeat(77)}..."`);
});
