import { describe, expect, test } from "vitest";
import * as explain from "../../src/cli/commands/explain.ts";
import * as methods from "../../src/cli/commands/methods.ts";
import { type CatalogueName, catalogues } from "../../src/pipeline/catalogues.ts";
import { captured } from "../fixtures/cli/captured.ts";

interface Explained {
  readonly kind: string;
  readonly name: string;
  readonly summary: string;
  readonly options: readonly { readonly option: string; readonly takes: string; readonly about: string }[];
}

const kinds = Object.keys(catalogues) as CatalogueName[];

test("the kinds that help tells of are the catalogues", () => {
  expect(explain.usage.words).toEqual(kinds);
});

describe.each(kinds)("%s", (kind) => {
  test.each(catalogues[kind].names())("%s says what it is, and what each option takes and is", async (name) => {
    const { exit, out } = await captured(explain, kind, name, "--json");
    expect(exit).toBe(0);
    const { options, ...part } = JSON.parse(out) as Explained;
    expect(part).toMatchObject({ kind, name, summary: expect.stringMatching(/^\S.*\.$/) as string });
    expect(options.filter(({ option, takes, about }) => !/^[a-z][a-z0-9_]*$/.test(option) || takes === "" || about === "")).toEqual([]);
  });
});

test("methods lists every method once, a line each, with its summary", async () => {
  const { out } = await captured(methods);
  const [head, ...lines] = out.trimEnd().split("\n");
  expect(head).toBe("method\twhat it does\tsource");
  expect(lines.map((line) => line.split("\t")[0])).toEqual(catalogues.method.names());
  const told = JSON.parse((await captured(methods, "--json")).out) as readonly { name: string; summary: string; source?: string }[];
  const loaded = await Promise.all(catalogues.method.names().map(async (name) => ({ name, part: await catalogues.method.load(name) })));
  expect(told).toEqual(loaded.map(({ name, part: { summary, source } }) => ({ name, summary, ...(source ? { source } : {}) })));
});

test("a part without options has no table of them, one with options has a line each", async () => {
  expect((await captured(explain, "schedule", "infinite")).out).toMatch(/\nplateau\t0\.5\t/);
  expect((await captured(explain, "evaluator", "retrieval")).out).not.toContain("what it is");
});

test.each([
  [["toString", "x"], /there are no parts called toString/],
  [["methd", "lora"], /there are no parts called methd/],
  [["method", "lroa"], /EG-3004 unknown method "lroa"/],
  [["method"], /which one/],
] as const)("explain %j is refused", async (argv, failure) => {
  expect((await captured(explain, ...argv)).failure).toMatch(failure);
});
