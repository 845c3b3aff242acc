import { describe, expect, test } from "vitest";
import { captured } from "../../test/fixtures/cli/captured.ts";
import { type Flag, parse, type Usage, wholeNumber } from "./command.ts";

const usage = {
  synopsis: "try FILE [--level LEVEL]",
  about: "Tries.",
  flags: {
    level: { type: "string", value: "LEVEL", choices: ["low", "high"], help: "how much" },
    file: { type: "string", multiple: true, help: "f" },
  },
  arguments: [1, 2],
} as const satisfies Usage<Readonly<Record<string, Flag>>>;

const tried = (...argv: string[]): ReturnType<typeof captured> =>
  captured({ run: async (given) => (parse(given, usage) ? 0 : 100) }, ...argv);

describe("arguments", () => {
  test.each([
    [["a", "--levle", "low"], "EG-2001 unknown flag --levle"],
    [["a", "--level", "hihg"], "EG-2001 --level hihg: expected one of low, high"],
    [[], "EG-2001 too few arguments"],
    [["a", "b", "c"], 'EG-2001 unexpected argument "c"'],
    [["a", "--json=1"], "EG-2001 Option '--json' does not take an argument"],
  ])("%j is wrong usage, exit 2", async (argv, failure) => {
    expect(await tried(...argv)).toMatchObject({ exit: 2, failure, out: "" });
  });
  test("--help shows every flag with its values, and runs nothing", async () => {
    const { exit, out } = await tried("--help");
    expect(exit).toBe(100);
    expect(out).toContain("evergreen try FILE [--level LEVEL]");
    expect(out).toMatch(/--level LEVEL +how much: low, high\n/);
    expect(out).toMatch(/-q, --quiet/);
  });
  test("whole numbers are whole, and not below the least", () => {
    expect(wholeNumber("n", "12")).toBe(12);
    for (const text of ["0", "-1", "1.5", "", "1e3", "99999999999999999999"])
      expect(() => wholeNumber("n", text), text).toThrow("expected a whole number");
  });
});
