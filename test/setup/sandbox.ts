import { spawn } from "node:child_process";
import { createCipheriv, createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Recipe, Wheel } from "../../scripts/setup/recipe.mjs";
import { findProgram } from "../../scripts/setup/tool.mjs";
import { writeZip } from "./zip-writer.ts";

/** A folder whose name has a space and letters beyond ASCII, as users' folders have. */
export function makeFolder(): { readonly folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "evergreen set-up é模 "));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A folder for PATH that holds the named programs of this machine and nothing else. */
export function pathWith(folder: string, programs: readonly string[]): string {
  const path = join(folder, `path-${programs.join("-")}`);
  mkdirSync(path, { recursive: true });
  for (const name of programs) {
    const file = findProgram([name], process.env);
    if (file === undefined) throw new Error(`this machine has no ${name}`);
    symlinkSync(file, join(path, name));
  }
  return path;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts Node with an environment of its own (nothing is inherited) and tells how it ended. */
export function startNode(args: readonly string[], env: NodeJS.ProcessEnv, cwd?: string) {
  const child = spawn(process.execPath, args, { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr })));
  return { child, ended };
}

/** The environment of a user whose package index is a folder or server of ours. */
export function quietEnv(folder: string, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, HOME: folder, PIP_RETRIES: "0", PIP_DEFAULT_TIMEOUT: "10", ...more };
}

/** A wheel small enough to be made in a test, with libtorch's file names, and the recipe that pins it. */
export function makeWheel(folder: string, padding = 100_000): { readonly recipe: Recipe; readonly file: string } {
  const noise = createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), Buffer.alloc(16, 2)).update(Buffer.alloc(padding));
  const contents: Record<string, Buffer> = {
    "torch/lib/libtorch_cpu.so": noise,
    "torch/lib/libtorch_cuda.so": Buffer.from("not wanted"),
    "torch/include/ATen/ATen.h": Buffer.from("#pragma once\n"),
    "torch-2.15.0.dist-info/METADATA": Buffer.from("Metadata-Version: 2.1\nName: torch\nVersion: 2.15.0\n"),
    "torch-2.15.0.dist-info/WHEEL": Buffer.from("Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-manylinux_2_28_x86_64\n"),
    "torch-2.15.0.dist-info/RECORD": Buffer.from(""),
  };
  const archive = writeZip(Object.entries(contents).map(([name, content]) => ({ name, content })));
  const wheels = join(folder, "wheels");
  mkdirSync(wheels, { recursive: true });
  const file = join(wheels, "torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl");
  writeFileSync(file, archive);
  const wheel: Wheel = {
    name: "torch",
    version: "2.15.0",
    sha256: createHash("sha256").update(archive).digest("hex"),
    bytes: archive.length,
    take: ["torch/lib/libtorch_cpu.so", "torch/include/"],
    leave: [],
  };
  const common = { version: "2.15.0", tried: true, tags: ["manylinux_2_28_x86_64"], uvPlatform: "x86_64-manylinux_2_28" };
  return { recipe: { key: "test", ...common, wheels: [wheel], libraries: ["torch/lib/libtorch_cpu.so"] }, file };
}
