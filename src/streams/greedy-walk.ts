import { cosine, type Neighbours, type VectorTable } from "./neighbours.ts";

/** A way through all rows, and what it costs: the sum of 1 − cos between neighbours. */
export interface Walk {
  readonly order: Uint32Array;
  readonly cost: number;
}

/**
 * From `start` on, always to the unvisited row with the largest cosine to the last one; of equals to the lower index. Exact: float32 neighbours only say which
 * rows to compare in double precision.
 */
export function greedyWalk(table: VectorTable, neighbours: Neighbours, start: number): Walk {
  const { rows } = table;
  const order = new Uint32Array(rows);
  const left = new Unvisited(rows);
  let cost = 0;
  let last = start;
  for (let step = 0; step < rows; step++) {
    if (step > 0) {
      const next = nearestListed(table, neighbours, { last, left }) ?? nearestOfAll(table, last, left);
      cost += 1 - next.cosine;
      last = next.row;
    }
    order[step] = last;
    left.remove(last);
  }
  return { order, cost };
}

/** The walk of least cost among those from `starts`; of equals the first. */
export function bestWalk(table: VectorTable, neighbours: Neighbours, starts: ArrayLike<number>): Walk {
  let best: Walk = { order: new Uint32Array(0), cost: Number.POSITIVE_INFINITY };
  for (let i = 0; i < starts.length; i++) {
    const walk = greedyWalk(table, neighbours, starts[i] as number);
    if (walk.cost < best.cost) best = walk;
  }
  return best;
}

interface Found {
  readonly row: number;
  readonly cosine: number;
}

/** The nearest unvisited row, where the list of neighbours can tell; undefined where a row outside of it may be nearer. */
function nearestListed(
  table: VectorTable,
  { kept, indices, cosines, error }: Neighbours,
  { last, left }: { readonly last: number; readonly left: Unvisited },
): Found | undefined {
  const from = last * kept;
  let place = from;
  while (place < from + kept && !left.has(indices[place] as number)) place++;
  if (place === from + kept) return undefined;
  const enough = (cosines[place] as number) - 2 * error;
  let best: Found = { row: indices[place] as number, cosine: cosine(table, last, indices[place] as number) };
  for (place++; place < from + kept && (cosines[place] as number) >= enough; place++)
    if (left.has(indices[place] as number))
      best = nearer(best, { row: indices[place] as number, cosine: cosine(table, last, indices[place] as number) });
  // Where the list ends before the margin does, a row outside of it may be as near.
  return place === from + kept && kept < table.rows - 1 ? undefined : best;
}

function nearestOfAll(table: VectorTable, last: number, left: Unvisited): Found {
  let best: Found = { row: Number.MAX_SAFE_INTEGER, cosine: Number.NEGATIVE_INFINITY };
  for (const row of left.rows()) best = nearer(best, { row, cosine: cosine(table, last, row) });
  return best;
}

function nearer(a: Found, b: Found): Found {
  return b.cosine > a.cosine || (b.cosine === a.cosine && b.row < a.row) ? b : a;
}

/** A set of rows that only shrinks. */
class Unvisited {
  private readonly list: Uint32Array;
  /** Place in the list and 1; 0 for a row that is gone. */
  private readonly places: Uint32Array;
  private count: number;

  constructor(rows: number) {
    this.list = Uint32Array.from({ length: rows }, (_, row) => row);
    this.places = Uint32Array.from({ length: rows }, (_, row) => row + 1);
    this.count = rows;
  }

  has(row: number): boolean {
    return this.places[row] !== 0;
  }

  rows(): Uint32Array {
    return this.list.subarray(0, this.count);
  }

  remove(row: number): void {
    const place = this.places[row] as number;
    const moved = this.list[--this.count] as number;
    this.list[place - 1] = moved;
    this.places[moved] = place;
    this.places[row] = 0;
  }
}
