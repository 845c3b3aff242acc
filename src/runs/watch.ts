import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { journalFiles } from "./checkpoint.ts";
import type { StoredEvent } from "./event.ts";
import type { FormatName } from "./formats.ts";
import { parseRows } from "./journal.ts";
import { interleave, type MetricRow, stepEvents } from "./rows.ts";
import { emptyView, foldEvents, type RunView, type ViewPlan } from "./view.ts";

export interface WatchOptions {
  readonly plan?: ViewPlan;
  readonly signal: AbortSignal;
  /** Time between two looks. */
  readonly everyMs?: number;
}

/**
 * A run's view now and whenever it has grown, until the signal. Reads only what is new; when a resume cuts the journals back, it begins again.
 * Ends without an error when aborted.
 */
export async function* watchRun(folder: string, { plan, signal, everyMs = 250 }: WatchOptions): AsyncGenerator<RunView> {
  let tails = openTails(folder);
  let view = emptyView(plan);
  for (let first = true; !signal.aborted; first = false) {
    const [events, metrics] = [tails.events.next(), tails.metrics.next()];
    if (events === "cut" || metrics === "cut") {
      tails = openTails(folder);
      view = emptyView(plan);
      continue;
    }
    const fresh = interleave(stepEvents(metrics as readonly MetricRow[]), events as readonly StoredEvent[]);
    view = foldEvents(view, fresh);
    if (first || fresh.length > 0) yield view;
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

function openTails(folder: string): { readonly events: Tail; readonly metrics: Tail } {
  const tail = (name: "events" | "metrics"): Tail => new Tail(join(folder, journalFiles[name]), name);
  return { events: tail("events"), metrics: tail("metrics") };
}

/** The lines of a growing file, as they are completed. */
class Tail {
  private readonly path: string;
  private readonly format: FormatName;
  private offset = 0;

  constructor(path: string, format: FormatName) {
    this.path = path;
    this.format = format;
  }

  /** Rows since the last call; "cut" when the file has become shorter. */
  next(): readonly unknown[] | "cut" {
    const data = this.read();
    if (data === "cut") return data;
    const end = data.lastIndexOf(10) + 1;
    if (end === 0) return [];
    const text = data.subarray(0, end).toString();
    const rows = this.offset === 0 ? parseRows(text, this.format, this.path) : linesOf(text);
    this.offset += end;
    return rows ?? "cut";
  }

  private read(): Buffer | "cut" {
    let fd: number;
    try {
      fd = openSync(this.path, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
      throw error;
    }
    try {
      const { size } = fstatSync(fd);
      if (size < this.offset) return "cut";
      const data = Buffer.alloc(size - this.offset);
      return data.subarray(0, readSync(fd, data, 0, data.length, this.offset));
    } finally {
      closeSync(fd);
    }
  }
}

/** Undefined when a line is no JSON: the file was cut back and has grown again since the last look. */
function linesOf(text: string): readonly unknown[] | undefined {
  try {
    return text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as unknown);
  } catch {
    return undefined;
  }
}
