import { statSync } from "node:fs";
import { resolve } from "node:path";
import { DataError } from "../data/data-error.ts";
import { dataRoot, preparedCopies, type SetStatus, statusOf } from "../data/data-root.ts";
import { type PoolPlace, poolPlace, pools, type RegisteredPool } from "../data/pools.ts";
import { type RegisteredSet, registeredSet, registry } from "../data/registry.ts";
import type { Table } from "../report/table.ts";
import { exitCodes } from "../util/errors.ts";
import { dataFolder } from "../util/paths.ts";
import { parse } from "./command.ts";
import { aside, sayJson, sayTable } from "./output.ts";

export const usage = {
  synopsis: "data status [SET…] [--root FOLDER] [--json]",
  about: [
    "Which of the 63 data sets of FoMo-in-Flux lie under a folder, what is missing, how it is obtained and under which licence.",
    "SET is a handle or a folder name, or a pretraining pool; default: all. Looks for names alone and at the manifests of prepared copies: no picture is read, nothing is downloaded.",
  ].join("\n"),
  flags: {
    root: { type: "string", value: "FOLDER", help: "folder with a folder or tar for each set; EVERGREEN_DATA, else data in the cache" },
    info: { type: "string", value: "FOLDER", help: "folder with info files and class lists; default: the root, then its 00_info" },
  },
  arguments: [0, 67],
} as const;

/** A set's facts and what of it was found; `data status --json` prints an array of them. */
export interface SetReport extends SetStatus {
  readonly set: RegisteredSet;
  /** Folder with a prepared copy of the set, below the root or in it. */
  readonly prepared?: string;
}

/** A pretraining pool and where its shards were found. */
export interface PoolReport extends PoolPlace {
  readonly pool: RegisteredPool;
}

/** `evergreen data status`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return exitCodes.done;
  const { flags, rest } = parsed;
  const poolNames = new Set(pools.map(({ handle }) => handle));
  const sets = rest.length > 0 ? [...new Set(rest.filter((name) => !poolNames.has(name)).map(registeredSet))] : registry;
  const wantedPools = rest.length > 0 ? pools.filter(({ handle }) => rest.includes(handle)) : pools;
  const place = dataRoot(
    flags.root === undefined ? dataFolder(process.env) : folderAt(flags.root),
    flags.info === undefined ? undefined : folderAt(flags.info),
  );
  const copies = preparedCopies(place.root);
  const reports = sets.map((set): SetReport => {
    const prepared = copies.get(set.handle);
    return { set, ...statusOf(set, place), ...(prepared === undefined ? {} : { prepared }) };
  });
  const poolReports = wantedPools.map((pool): PoolReport => ({ pool, ...poolPlace(place.root, pool) }));
  if (flags.json) sayJson(rowsOf(reports, poolReports));
  else sayTable(tableOf(reports, poolReports));
  if (!flags.json && !flags.quiet) aside(`${place.root}: ${summary(reports)}${poolSummary(poolReports)}`);
  return exitCodes.done;
}

function folderAt(path: string): string {
  const absolute = resolve(path);
  if (!statSync(absolute, { throwIfNoEntry: false })?.isDirectory()) throw new DataError(`${absolute}: there is no such folder`);
  return absolute;
}

function rowsOf(reports: readonly SetReport[], poolReports: readonly PoolReport[]): readonly object[] {
  return [
    ...reports.map(({ set, ...status }) => ({ ...set, ...status })),
    ...poolReports.map(({ pool, folder, kind }) => ({
      ...pool,
      role: "pool",
      state: kind ? "ready" : "absent",
      ...(kind ? { images: folder } : {}),
    })),
  ];
}

/** A line a set and a pool: what is there, what is not, and how a person comes by it. */
export function tableOf(reports: readonly SetReport[], poolReports: readonly PoolReport[]): Table {
  return {
    columns: [
      { title: "set" },
      { title: "role" },
      { title: "task" },
      { title: "state" },
      { title: "train", align: "right" },
      { title: "test", align: "right" },
      { title: "licence" },
      { title: "prepared copy" },
      { title: "missing" },
      { title: "how to obtain it" },
    ],
    rows: [...reports.map(setRow), ...poolReports.map(poolRow)],
  };
}

type Row = Table["rows"][number];

const setRow = ({ set, state, prepared, missing }: SetReport): Row => [
  set.handle,
  set.role,
  set.task,
  state,
  set.samples.train,
  set.samples.test,
  set.licence,
  prepared,
  missing.length === 0 ? undefined : missing.join(", "),
  missing.length === 0 ? undefined : set.obtain,
];

const poolRow = ({ pool, folder, kind }: PoolReport): Row => [
  ...[pool.handle, "pool", "caption", kind ? "ready" : "absent", pool.pairs, 0, pool.licence, undefined],
  kind ? undefined : `${folder}/*.tar`,
  kind ? undefined : pool.obtain,
];

const poolSummary = (reports: readonly PoolReport[]): string =>
  reports.length === 0 ? "" : `; pools ${reports.filter(({ kind }) => kind).length} of ${reports.length}`;

/** `3 of 63 ready, 1 partial, 59 absent; adapt 2 of 41, eval 1 of 22`. */
export function summary(reports: readonly SetReport[]): string {
  const count = (state: SetStatus["state"], role?: RegisteredSet["role"]): number =>
    reports.filter((report) => report.state === state && (role === undefined || report.set.role === role)).length;
  const roles = (["adapt", "eval"] as const).flatMap((role) => {
    const all = reports.filter(({ set }) => set.role === role).length;
    return all === 0 ? [] : [`${role} ${count("ready", role)} of ${all}`];
  });
  const prepared = reports.filter((report) => report.prepared !== undefined).length;
  return `${count("ready")} of ${reports.length} ready, ${count("partial")} partial, ${count("absent")} absent; ${roles.join(", ")}${prepared === 0 ? "" : `; prepared copies of ${prepared}`}`;
}
