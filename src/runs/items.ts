import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { checkFormat, formatOf } from "./formats.ts";
import type { ArtifactId } from "./measurement.ts";
import { RunFileError } from "./store-error.ts";

/** What outcomes were counted over. */
export interface ItemsKey {
  readonly task: number;
  readonly state: string;
  readonly source: string;
  readonly metric: string;
}

/** `eval/items/t0003-live-shapes-acc1.bits`; `start` stands for the weights before the first task. */
export function itemsPath({ task, state, source, metric }: ItemsKey): ArtifactId {
  const when = task < 0 ? "start" : `t${String(task).padStart(4, "0")}`;
  const safe = [state, source, metric].map((part) => part.replace(/[^A-Za-z0-9._@-]/g, (sign) => `+${sign.codePointAt(0)?.toString(16)}`));
  return `eval/items/${[when, ...safe].join("-")}.bits`;
}

/** A line that names the format and the count, then one bit an item, the first in the lowest place. */
export function packItems(outcomes: ArrayLike<number | boolean>): Uint8Array {
  const head = Buffer.from(`${JSON.stringify({ format: formatOf("items"), items: outcomes.length })}\n`);
  const packed = new Uint8Array(head.length + Math.ceil(outcomes.length / 8));
  packed.set(head);
  for (let i = 0; i < outcomes.length; i++)
    if (outcomes[i]) packed[head.length + (i >> 3)] = (packed[head.length + (i >> 3)] ?? 0) | (1 << (i & 7));
  return packed;
}

/** 0 or 1 for each item. @throws {RunFileError} when the file is torn or of another format. */
export const readItems = (path: string): Uint8Array => unpackItems(readFileSync(path), path);

/** The items that {@link packItems} packed; `path` is where they lay. @throws {RunFileError} */
export function unpackItems(data: Buffer, path: string): Uint8Array {
  const end = data.indexOf(10);
  let head: { readonly items?: unknown };
  try {
    head = JSON.parse(data.subarray(0, Math.max(0, end)).toString()) as { readonly items?: unknown };
  } catch {
    throw new RunFileError(basename(path), "its first line is not JSON");
  }
  checkFormat(head, "items", path);
  const { items } = head;
  if (typeof items !== "number" || data.length !== end + 1 + Math.ceil(items / 8))
    throw new RunFileError(basename(path), `holds ${data.length - end - 1} bytes for ${JSON.stringify(items)} items`);
  return Uint8Array.from({ length: items }, (_, i) => ((data[end + 1 + (i >> 3)] ?? 0) >> (i & 7)) & 1);
}
