import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { expect } from "vitest";

/** Entry of the built command line. */
export const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** How a command ended. */
export interface Ended {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

/** The built command line in a folder, without settings of the person who tests. */
export function commandIn(folder: string): (...argv: readonly string[]) => Ended {
  return (...argv) => {
    const { EVERGREEN_SET: _, EVERGREEN_RUNS: __, FORCE_COLOR: ___, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...argv], { cwd: folder, env, encoding: "utf8" });
    return { exit: status, out: stdout, err: stderr };
  };
}

/** What a command that succeeds gives machines; one that fails fails the test with its words. */
export function jsonOf(command: ReturnType<typeof commandIn>): <T>(...argv: readonly string[]) => T {
  return <T>(...argv: readonly string[]): T => {
    const { exit, out, err } = command(...argv, "--json");
    expect([exit, err]).toEqual([0, expect.any(String)]);
    return JSON.parse(out) as T;
  };
}

/** A folder of images: one folder a concept, `count` flat pictures of its redness in each, no two alike. */
export async function paintPhotos(folder: string, redness: Readonly<Record<string, number>>, count: number): Promise<void> {
  for (const [name, r] of Object.entries(redness)) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = 0; i < count; i++)
      await sharp({ create: { width: 32, height: 32, channels: 3, background: { r, g: 9 * i, b: 250 - r } } })
        .png()
        .toFile(join(folder, name, `${i}.png`));
  }
}
