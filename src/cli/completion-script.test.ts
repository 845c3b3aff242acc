import { execFileSync } from "node:child_process";
import { beforeAll, expect, test, vi } from "vitest";
import { captured } from "../../test/fixtures/cli/captured.ts";
import * as completion from "./commands/completion.ts";
import { completionScript } from "./completion-script.ts";
import { knownCommands } from "./known-commands.ts";

// Where there is no engine, a command that loads it before it is run cannot be told of.
beforeAll(() => vi.stubEnv("EVERGREEN_ADDON", "/nowhere"));

/** What bash offers for the last of the words. */
function offered(script: string, ...words: string[]): readonly string[] {
  const program = `${script}
evergreen() { [ "$1" = ls ] && printf 'run\\tstate\\n20260101-000000-x-abcd\\tdone\\n'; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); cd /; _evergreen; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const told = execFileSync("bash", ["-c", program, "bash", "evergreen", ...words], { encoding: "utf8" });
  return told.split("\n").filter((line) => line !== "");
}

test("bash completes commands, subcommands, flags, their values and runs", async () => {
  const script = completionScript("bash", await knownCommands());
  expect(offered(script, "expl")).toEqual(["explain"]);
  expect(offered(script, "logs", "--le")).toEqual(["--level"]);
  expect(offered(script, "logs", "--level", "w")).toEqual(["warn"]);
  expect(offered(script, "logs", "2026")).toEqual(["20260101-000000-x-abcd"]);
  expect(offered(script, "model", "tok")).toEqual(["tokenize"]);
  expect(offered(script, "data", "check", "--str")).toEqual(["--strict"]);
  expect(offered(script, "lock", "cl")).toEqual(["clear"]);
});

test("every command has a usage or subcommands with one, so that the scripts know its flags", async () => {
  const silent = (await knownCommands()).flatMap(({ name, usage, subcommands }) =>
    usage || (subcommands.length > 0 && subcommands.every((sub) => sub.usage)) ? [] : [name],
  );
  expect(silent).toEqual([]);
});

test("no command loads the engine before it is run", async () => {
  await expect(import("../engine/binding.ts")).rejects.toThrow("/nowhere does not exist");
  expect((await knownCommands()).length).toBeGreaterThan(20);
});

test("a line of the help that lists subcommands lists them all", async () => {
  const listing = (await knownCommands()).filter(({ summary }) => /^[a-z-]+(, [a-z-]+)*$/.test(summary));
  expect(listing.map(({ name }) => name)).toEqual(["import", "model", "data", "stream"]);
  for (const { summary, subcommands } of listing) expect(summary).toBe(subcommands.map(({ name }) => name).join(", "));
});

test("a shell it does not know is wrong usage", async () => {
  expect(await captured(completion, "fsh")).toMatchObject({ exit: 2, failure: 'EG-2001 no completion for "fsh"; known: bash, zsh, fish' });
  for (const shell of ["zsh", "fish"]) expect((await captured(completion, shell)).out).toContain("evergreen");
});
