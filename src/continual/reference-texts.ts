import { readFileSync } from "node:fs";
import { EvergreenError } from "../util/errors.ts";
import type { RunFacts, TaskContext } from "./method.ts";

/** Some of the {@link captionsIn} a file; where there are more than `most`, as many drawn of them (purpose `zscl/texts`), in the file's order. @throws {EvergreenError} */
export function captionsOfFile(path: string, most: number, { random }: Pick<RunFacts, "random">): readonly string[] {
  const lines = captionsIn(path);
  if (lines.length <= most) return lines;
  const drawn = random.at("zscl/texts").permutation(lines.length).subarray(0, most).sort();
  return Array.from(drawn, (line) => lines[line] ?? "");
}

/** Distinct captions of a file, one a line. @throws {EvergreenError} where there is none. */
export function captionsIn(path: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new EvergreenError(`methods: zscl: texts: ${path} cannot be read`, {
      code: "EG-4620",
      exit: "data",
      fix: "give a text file with one caption a line, or leave texts out: the pretraining pool's captions are taken then",
      cause,
    });
  }
  const lines = [...new Set(text.split(/\r?\n/).map((line) => line.trim()))].filter((line) => line !== "");
  if (lines.length > 0) return lines;
  throw new EvergreenError(`methods: zscl: texts: ${path} holds no caption`, {
    code: "EG-4620",
    exit: "data",
    fix: "write one caption a line",
  });
}

/** Distinct captions that the task draws from the pretraining pool, at most so many: those of steps in a drawn order (purpose `zscl/texts`), so that they are spread over the task. */
export function captionsOfPretraining({ task, steps, seen, run }: TaskContext, most: number): readonly string[] {
  const captions = new Set<string>();
  for (const step of run.random.at("zscl/texts", { task, index: 1 }).permutation(steps)) {
    if (!seen.roles({ task, step }).includes("pretraining")) continue;
    for (const { role, caption } of seen({ task, step })) {
      if (role === "pretraining") captions.add(caption);
      if (captions.size === most) return [...captions];
    }
  }
  return [...captions];
}
