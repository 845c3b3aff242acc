import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import type { CaptionPair } from "./caption-merge.ts";
import { DataError, reasonOf } from "./data-error.ts";

const answer = z.looseObject({ merged: z.string() });

const isWindows = process.platform === "win32";

type Child = ChildProcessByStdio<Writable, Readable, null>;

/**
 * Has an outside program merge captions. It is run once, by the system's shell (`sh -c`, cmd on Windows); of the records nothing stands in that command, they go to its
 * stdin, a line of JSON each, while its answers are read. Its stderr is the terminal's.
 * @returns the merged captions, in the order of the pairs.
 * @throws {DataError} when it cannot be run, ends with another code than 0, or answers too few, too many or other lines than `{"merged": …}`.
 */
export async function mergeWithProgram(
  command: string,
  pairs: readonly CaptionPair[],
  progress?: (done: number, total: number) => void,
): Promise<readonly string[]> {
  // A group of its own, so that ending it ends what the shell started too.
  const child = spawn(command, { shell: true, detached: !isWindows, stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<string | undefined>((done) => {
    child.on("error", (error) => done(`cannot be run (${error.message})`));
    child.on("close", (code, signal) => done(code === 0 ? undefined : signal ? `was ended by ${signal}` : `ended with exit code ${code}`));
  });
  // A program that stops reading is known by its exit code, or by what it did not answer.
  const asked = pipeline(Readable.from(questions(pairs)), child.stdin).catch(() => undefined);
  const merged: string[] = [];
  try {
    for await (const [text, line] of answers(child)) {
      const pair = pairs[merged.length];
      if (!pair) throw refused(command, `answered more than ${pairs.length} lines, the number of records`);
      merged.push(read(text, `line ${line} of its answers, for ${pair.path}`, command));
      progress?.(merged.length, pairs.length);
    }
  } catch (error) {
    child.stdout.destroy();
    end(child);
    throw error;
  } finally {
    child.stdin.destroy();
  }
  await asked;
  const failure = await ended;
  if (failure !== undefined) throw refused(command, `${failure} after ${merged.length} of ${pairs.length} answers`);
  if (merged.length < pairs.length) throw refused(command, `answered ${merged.length} lines, expected ${pairs.length}, one a record`);
  return merged;
}

function end(child: Child): void {
  if (isWindows || child.pid === undefined) return void child.kill();
  try {
    process.kill(-child.pid);
  } catch {
    // It had ended by itself.
  }
}

/** Written no faster than they are read. */
function* questions(pairs: readonly CaptionPair[]): Generator<string> {
  for (const { className, classCaption, synthetic } of pairs)
    yield `${JSON.stringify({ class_name: className, class_caption: classCaption, synthetic })}\n`;
}

/** Lines that say something, with their numbers. */
async function* answers({ stdout }: Child): AsyncGenerator<readonly [text: string, line: number]> {
  let line = 0;
  for await (const text of createInterface({ input: stdout, crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (text.trim() !== "") yield [text, line];
  }
}

function read(text: string, where: string, command: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refused(command, `${where}: no JSON (${reasonOf(error)}): ${text.slice(0, 60)}`);
  }
  const parsed = answer.safeParse(value);
  if (parsed.success) return parsed.data.merged.trim();
  throw refused(command, `${where}: expected {"merged": TEXT}, got ${text.slice(0, 60)}`);
}

const refused = (command: string, what: string): DataError =>
  new DataError(`--with ${JSON.stringify(command)}: ${what}`, {
    code: "EG-4151",
    fix: 'the program gets {"class_name", "class_caption", "synthetic"} a line and answers {"merged"} a line, in the same order; nothing was written',
  });
