import type { Table } from "../report/table.ts";
import type { LedgerRow } from "../runs/rows.ts";

/** Samples drawn under one name. */
interface Drawn {
  readonly source: string;
  readonly concept?: string;
  readonly pass?: number;
  readonly n: number;
}

/** What a run drew, added up in three ways. */
export interface LedgerTotals {
  readonly sources: readonly Drawn[];
  /** Most drawn first. */
  readonly concepts: readonly Drawn[];
  /** How often each source was gone through; pass 0 is the first. */
  readonly passes: readonly Drawn[];
}

/** Adds up a ledger by source, by source and concept, by source and pass. */
export function ledgerTotals(rows: readonly LedgerRow[]): LedgerTotals {
  const byNumber = (a: Drawn, b: Drawn): number => b.n - a.n || ((a.concept ?? "") < (b.concept ?? "") ? -1 : 1);
  return {
    sources: added(rows, ({ source }) => ({ source })),
    concepts: [...added(rows, ({ source, concept }) => (concept === undefined ? undefined : { source, concept }))].sort(byNumber),
    passes: added(rows, ({ source, pass }) => ({ source, pass })),
  };
}

function added(rows: readonly LedgerRow[], key: (row: LedgerRow) => Omit<Drawn, "n"> | undefined): readonly Drawn[] {
  const sums = new Map<string, Drawn>();
  for (const row of rows) {
    const name = key(row);
    if (!name) continue;
    const text = JSON.stringify(name);
    sums.set(text, { ...name, n: (sums.get(text)?.n ?? 0) + row.n });
  }
  return [...sums.values()];
}

/** Tables of the totals: sources, the `top` concepts, passes. */
export function ledgerTables({ sources, concepts, passes }: LedgerTotals, top: number): readonly Table[] {
  const all = sources.reduce((sum, { n }) => sum + n, 0);
  const right = { align: "right" } as const;
  const drawn = [{ title: "drawn", ...right }] as const;
  return [
    {
      columns: [{ title: "source" }, ...drawn, { title: "share %", ...right }],
      rows: sources.map(({ source, n }) => [source, n, ((100 * n) / Math.max(1, all)).toFixed(1)]),
    },
    {
      columns: [{ title: concepts.length > top ? `concept (${top} of ${concepts.length})` : "concept" }, { title: "source" }, ...drawn],
      rows: concepts.slice(0, top).map(({ concept, source, n }) => [concept, source, n]),
    },
    {
      columns: [{ title: "source" }, { title: "pass", ...right }, ...drawn],
      rows: passes.map(({ source, pass, n }) => [source, (pass ?? 0) + 1, n]),
    },
  ];
}
