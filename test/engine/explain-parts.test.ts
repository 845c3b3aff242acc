import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import * as explain from "../../src/cli/commands/explain.ts";
import * as merge from "../../src/cli/commands/merge.ts";
import * as methods from "../../src/cli/commands/methods.ts";
import { type CatalogueName, catalogues, pluginFolders, usePlugins } from "../../src/pipeline/catalogues.ts";
import { captured } from "../fixtures/cli/captured.ts";
import { exampleParts } from "../fixtures/judged-parts.ts";

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

test.each(catalogues.method.names())(
  "explain method %s teaches what it is, when to take it, what it costs and where it comes from",
  async (name) => {
    const { out } = await captured(explain, "method", name);
    const told = out
      .trimEnd()
      .split("\n\n")[0]
      ?.split("\n")
      .map((line) => line.split("\t"));
    expect(told?.map(([fact]) => fact)).toEqual(["method", "what", "when", "cost", "source"]);
    for (const [fact = "", text = ""] of told?.slice(2, 4) ?? []) expect(text, fact).toMatch(/^[A-Z].{20,}\.$/);
    const { when, cost } = JSON.parse((await captured(explain, "method", name, "--json")).out) as Record<string, string>;
    expect([when, cost]).toEqual(told?.slice(2, 4).map(([, text]) => text));
  },
);

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

describe("users' own parts", () => {
  const own = ["--plugins", exampleParts];
  afterEach(() => usePlugins());

  test.each(pluginFolders)("explain tells of one of kind $kind as of those that ship", async ({ kind, name: folder }) => {
    const [file = ""] = readdirSync(join(exampleParts, folder)).filter((each) => /^[a-z-]+\.mjs$/.test(each));
    const { exit, out } = await captured(explain, kind, file.replace(".mjs", ""), "--json", ...own);
    expect(exit).toBe(0);
    const { options, ...part } = JSON.parse(out) as Explained;
    expect(part).toMatchObject({ kind, summary: expect.stringMatching(/^\S.*\.$/) as string });
    expect(options.filter(({ option, takes, about }) => !/^[a-z][a-z0-9_]*$/.test(option) || takes === "" || about === "")).toEqual([]);
  });

  test("methods and merge ls list them behind those that ship", async () => {
    const listed = (await captured(methods, ...own)).out.trimEnd().split("\n");
    expect(listed.at(-1)?.split("\t")[0]).toBe("loosening-spring");
    const { operators, modifiers } = JSON.parse((await captured(merge, "ls", "--json", ...own)).out) as Listed;
    expect([operators.at(-1)?.name, modifiers.at(-1)?.name]).toEqual(["coordinate-median", "last-blocks"]);
    expect((await captured(merge, "ls", "coordinate-median", ...own)).out).toMatch(/^coordinate-median/);
  });

  test("a folder that holds none is refused, and an unknown name lists theirs too", async () => {
    expect((await captured(methods, "--plugins", exampleParts.replace(/parts$/, ""))).failure).toMatch(
      /EG-3160 plugins: .* holds no parts/,
    );
    expect((await captured(explain, "method", "loosning-spring", ...own)).failure).toMatch(/EG-3004 .*known: .*, loosening-spring$/);
  });
});

interface Listed {
  readonly operators: readonly { readonly name: string }[];
  readonly modifiers: readonly { readonly name: string }[];
}
