import { oneLine } from "../report/table.ts";
import type { StoredEvent } from "../runs/event.ts";
import type { LogLevel } from "../runs/log.ts";
import { formatBytes } from "../util/units.ts";
import { formatShare, localTime } from "./output.ts";

/** A line of a run's log as it is told. */
export interface LogLine {
  /** Milliseconds since 1970. */
  readonly t: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** A row of log.jsonl or events.jsonl as a log line; undefined for the line that names the format, for what tells nothing and for what is torn. */
export function logLine(json: string): LogLine | undefined {
  let row: Readonly<Record<string, unknown>> | null;
  try {
    row = JSON.parse(json) as Readonly<Record<string, unknown>> | null;
  } catch {
    return undefined;
  }
  if (typeof row?.t !== "number") return undefined;
  if (typeof row.level === "string" && typeof row.message === "string") return row as unknown as LogLine;
  if (typeof row.type !== "string") return undefined;
  const event = row as unknown as StoredEvent;
  const message = messageOf(event);
  return message === undefined ? undefined : { t: event.t, level: levelOf(event), message };
}

function levelOf({ type }: StoredEvent): LogLevel {
  if (type === "failed") return "error";
  if (type === "warning" || type === "signal") return "warn";
  return type === "evaluated" || type === "step" ? "debug" : "info";
}

function messageOf(event: StoredEvent): string | undefined {
  switch (event.type) {
    case "started":
      return `started, plan ${event.plan.slice(0, 12)}`;
    case "task-started":
      return `task ${event.task + 1}${event.name ? ` (${event.name})` : ""} begins: ${event.steps} steps`;
    case "task-ended":
      return `task ${event.task + 1} ends at step ${event.step}`;
    case "lineage":
      return `task ${event.task + 1} ships ${event.deploy}; the next one starts from ${event.start}`;
    case "shared":
      return `${event.what === "task" ? `task ${event.task + 1}` : "evaluation"}: ${event.role === "taken" ? "taken from an earlier run" : "kept for other runs"}`;
    case "step":
      return `step ${event.step}: loss ${event.losses.loss ?? "?"}`;
    case "evaluating":
      return `evaluating ${event.sets} set${event.sets === 1 ? "" : "s"} ${event.task < 0 ? "before training" : `after task ${event.task + 1}`}`;
    case "evaluated": {
      const headline = event.measurements.find(({ metric }) => metric === event.headline);
      return `${event.source}: ${event.headline} ${formatShare(headline, true) ?? "–"}`;
    }
    case "scored":
      return `KA ${formatShare(event.scores.ka, true) ?? "–"}  ZS ${formatShare(event.scores.zs, true) ?? "–"}  GM ${formatShare(event.scores.gm, true) ?? "–"}`;
    case "saved":
      return `saved ${event.checkpoint} (${event.kind}, ${formatBytes(event.bytes)})`;
    case "resumed":
      return `resumed from ${event.from}${event.exact ? ", exactly" : `, not bit-exact: ${event.allowed.join(", ")}`}`;
    case "signal":
      return `${event.signal}: stopping`;
    case "warning":
      return `${event.code}: ${event.message}`;
    case "stopped":
      return `stopped at ${event.checkpoint}`;
    case "finished":
      return `finished after ${event.step} steps`;
    case "failed":
      return `${event.code}: ${event.message} (exit ${event.exit})`;
    default:
      event satisfies never;
      return undefined;
  }
}

/** `2026-11-25 22:48:30 +00:00  warn   message  name=value`. */
export function formatLogLine({ t, level, message, ...fields }: LogLine): string {
  const more = Object.entries(fields).map(([name, value]) => `  ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return `${localTime(t)}  ${level.padEnd(5)}  ${oneLine(message + more.join(""))}`;
}
