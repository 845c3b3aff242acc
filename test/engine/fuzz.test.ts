import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { draw } from "./fuzz-arguments.mjs";
import { type Recording, record } from "./fuzz-recording.ts";

// 2,000 calls of each operator take 30 s on two quiet cores; the long run draws ten times as many.
const isLong = process.env.EVERGREEN_LONG_TESTS === "1";
const callsEach = Number(process.env.EVERGREEN_FUZZ_CALLS ?? (isLong ? 20_000 : 2000));
const silenceMs = 60_000;

interface Count {
  readonly calls: number;
  readonly typed: number;
  readonly succeeded: number;
  readonly other: readonly string[];
  readonly leaked: readonly string[];
}

/** How a child ended that did not finish: killed by a signal, or by us because a call did not return. */
interface Death {
  readonly reason: string;
  readonly call: string;
}

test(
  `${callsEach} drawn argument lists of every operator end in a result or a typed error, never in a signal`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "evergreen-fuzz-"));
    try {
      const recording = record();
      expect(recording.length).toBeGreaterThan(50);
      const { counts, deaths } = await fuzz(recording, folder);
      const all = Object.values(counts);
      const total = (of: (count: Count) => number): number => all.reduce((sum, count) => sum + of(count), 0);
      console.log(
        `fuzz: ${recording.length} operators, ${total((c) => c.calls)} calls, ${total((c) => c.succeeded)} results, ${total((c) => c.typed)} typed errors, ${deaths.length} signals`,
      );
      expect(deaths).toEqual([]);
      expect(all.flatMap(({ other }) => other)).toEqual([]);
      expect(all.flatMap(({ leaked }) => leaked)).toEqual([]);
      expect(total((c) => c.calls)).toBe(recording.length * callsEach);
      expect(Object.entries(counts).filter(([, { succeeded }]) => succeeded === 0)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  isLong ? 3_600_000 : 600_000,
);

/** Runs children until all calls are made; one that dies is followed by one that goes on behind the call it died of. */
async function fuzz(recording: Recording, folder: string): Promise<{ counts: Record<string, Count>; deaths: Death[] }> {
  const [file, progress] = [join(folder, "recording.json"), join(folder, "progress")];
  writeFileSync(file, JSON.stringify(recording));
  const deaths: Death[] = [];
  let counts: Record<string, Count> = {};
  let from: readonly [number, number] = [0, 0];
  while (deaths.length < 20) {
    const { reason, output } = await child([file, progress, `${callsEach}`, `${from[0]}`, `${from[1]}`], progress);
    if (reason === undefined) {
      counts = { ...counts, ...(JSON.parse(output) as Record<string, Count>) };
      break;
    }
    const [i = 0, j = 0] = readFileSync(progress, "utf8").trim().split(/\s+/).map(Number);
    const [name = "", lists = []] = recording[i] ?? [];
    deaths.push({
      reason,
      call: `${name} #${j} ${JSON.stringify(
        draw(
          name,
          j,
          lists.map((each) => [...each]),
        ),
      ).slice(0, 1500)}`,
    });
    from = [i, j + 1];
  }
  return { counts, deaths };
}

/** One child; undefined as its reason when it finished. */
function child(args: readonly string[], progress: string): Promise<{ reason: string | undefined; output: string }> {
  const process_ = spawn(process.execPath, [fileURLToPath(new URL("./fuzz-child.mjs", import.meta.url)), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let errors = "";
  process_.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  process_.stderr.on("data", (chunk: Buffer) => {
    errors = (errors + chunk).slice(-2000);
  });
  let last = "";
  let since = Date.now();
  let hung = false;
  const watch = setInterval(() => {
    const now = readFileSync(progress, { encoding: "utf8", flag: "a+" });
    if (now !== last) [last, since] = [now, Date.now()];
    else if (Date.now() - since > silenceMs) {
      hung = true;
      process_.kill("SIGKILL");
    }
  }, 1000);
  return new Promise((resolve) => {
    process_.on("close", (code, signal) => {
      clearInterval(watch);
      resolve({ reason: code === 0 ? undefined : `${hung ? "hang" : (signal ?? `exit ${code}`)} ${errors.slice(-300)}`, output });
    });
  });
}
