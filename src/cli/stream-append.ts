import { resolve } from "node:path";
import { formatManifest, parseManifest } from "../streams/manifest.ts";
import { StreamError } from "../streams/stream.ts";
import { UsageError } from "../util/errors.ts";
import { parse, wholeNumber } from "./command.ts";
import { fromHere } from "./output.ts";
import { writeOutput } from "./output-file.ts";
import { splitReferences } from "./references.ts";
import { tell } from "./stream-build.ts";
import { readStreamText } from "./stream-show.ts";

export const usage = {
  synopsis: "stream append FILE --from SOURCE … [--tasks N] [--out FILE]",
  about:
    "Puts the concepts that are new in some data behind a stream, as one task or several. Its tasks stay as they are; the new file names the old one's digest.",
  flags: {
    from: { type: "string", value: "SOURCE", multiple: true, help: "data with new concepts; repeatable" },
    tasks: { type: "string", value: "N", help: "tasks for them, default 1" },
    out: { type: "string", value: "FILE", short: "o", help: "the new stream's file; FILE itself when absent" },
  },
  arguments: [1, 1],
} as const;

/** `evergreen stream append`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return 0;
  const { flags, rest } = parsed;
  const from = splitReferences(flags.from ?? []);
  if (from.length === 0) throw new UsageError("no data", "--from SOURCE: a folder, tars, a table, or mini-flux");
  const file = resolve(rest[0] ?? "");
  const out = resolve(flags.out ?? file);
  const text = readStreamText(file);
  if (text.trimStart().startsWith("["))
    throw new StreamError(
      `${fromHere(file)}: a list has no tasks to append to`,
      `make a stream of it: evergreen stream build --from SOURCE --list ${fromHere(file)} --out FILE.json`,
    );
  const { appendToStream } = await import("../pipeline/build-stream.ts");
  const manifest = await appendToStream(
    { file, manifest: parseManifest(text, file) },
    { from, base: process.cwd(), out, env: process.env },
    flags.tasks === undefined ? 1 : wholeNumber("tasks", flags.tasks),
  );
  writeOutput(out, [formatManifest(manifest)]);
  tell(manifest, out, flags);
  return 0;
}
