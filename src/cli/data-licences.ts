import { miniFluxFolder } from "../data/mini-flux/ensure.ts";
import { type LicenceUse, miniFluxLicences } from "../data/mini-flux/licences.ts";
import { openSources } from "../data/open-sources.ts";
import { type Table, textTable, tsvTable } from "../report/table.ts";
import { cacheRoot } from "../util/paths.ts";
import { parse } from "./command.ts";

export const usage = {
  synopsis: "data licences [mini-flux | PATH] [--json]",
  about: "Whose work the pictures of a data set are, and under which licence. Default: mini-flux, the embedded benchmark.",
  flags: {},
  arguments: [0, 1],
} as const;

/** `evergreen data licences`. */
export async function run(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv, usage);
  if (!parsed) return 0;
  const reference = parsed.rest[0] ?? "mini-flux";
  // Opening says what is missing, in words that help.
  const sources = await openSources(reference, process.cwd());
  if (reference === "mini-flux") {
    const uses = miniFluxLicences(miniFluxFolder(cacheRoot(process.env)));
    print(parsed.flags.json === true, uses, tableOf(uses));
    return 0;
  }
  const known = sources.map(({ name, licences }) => ({ set: name, licences }));
  const rows = known.flatMap(({ set, licences }) => (licences.length > 0 ? licences : ["unknown"]).map((licence) => [set, licence]));
  print(parsed.flags.json === true, known, { columns: [{ title: "set" }, { title: "licence" }], rows });
  return 0;
}

function tableOf(uses: readonly LicenceUse[]): Table {
  return {
    columns: [
      { title: "work" },
      { title: "author" },
      { title: "licence" },
      { title: "pictures", align: "right" },
      { title: "package" },
      { title: "address" },
      { title: "note" },
    ],
    rows: uses.map(({ name, author, licence, pictures, package: from, url, note }) => [name, author, licence, pictures, from, url, note]),
  };
}

function print(json: boolean, value: unknown, table: Table): void {
  process.stdout.write(`${json ? JSON.stringify(value) : process.stdout.isTTY ? textTable(table) : tsvTable(table)}\n`);
}
