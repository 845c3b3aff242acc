import type { Walk } from "./greedy-walk.ts";
import { cosine, type Neighbours, type VectorTable } from "./neighbours.ts";

/** Neighbours that a move is tried with. */
const tried = 10;
const longestSegment = 3;
/** Gains below this are rounding. */
const least = 1e-10;

/**
 * The walk after all gainful 2-opt moves (Croes 1958) and Or-opt moves of up to three rows (Or 1976) with near neighbours; never dearer than before.
 * Ends are free: the path is a ring closed by a row at distance 0 from all.
 */
export function improvedWalk(table: VectorTable, neighbours: Neighbours, walk: Walk): Walk {
  const ring = new Ring(table, walk.order);
  while (passGains(ring, neighbours, walk.order));
  return ring.walk();
}

/** Tries every row once, and again the rows beside each move; true when there was a move. */
function passGains(ring: Ring, neighbours: Neighbours, order: Uint32Array): boolean {
  const queue = [...order];
  const queued = new Uint8Array(order.length + 1).fill(1);
  let gained = false;
  for (let at = 0; at < queue.length; at++) {
    const row = queue[at] as number;
    queued[row] = 0;
    for (const touched of gainfulMove(ring, neighbours, row) ?? []) {
      gained = true;
      if (touched === ring.joint || queued[touched] !== 0) continue;
      queued[touched] = 1;
      queue.push(touched);
    }
  }
  return gained;
}

/** Makes the first gainful move of a row; the rows it touched, the row itself among them. */
function gainfulMove(ring: Ring, { kept, indices }: Neighbours, row: number): readonly number[] | undefined {
  for (const ahead of [true, false]) {
    const after = ring.beside(row, ahead);
    const edge = ring.distance(row, after);
    for (let place = 0; place < Math.min(kept, tried); place++) {
      const near = indices[row * kept + place] as number;
      const direct = ring.distance(row, near);
      if (direct < edge) {
        const beyond = ring.beside(near, ahead);
        const gain = edge + ring.distance(near, beyond) - direct - ring.distance(after, beyond);
        if (gain > least) {
          ring.exchange(row, after, near, beyond);
          return [row, after, near, beyond];
        }
      }
      const moved = segmentMove(ring, { row, near, direct, ahead });
      if (moved) return moved;
    }
  }
  return undefined;
}

/** Moves a segment that begins at `row` to one side of `near`, the row beside it. */
function segmentMove(
  ring: Ring,
  { row, near, direct, ahead }: { readonly row: number; readonly near: number; readonly direct: number; readonly ahead: boolean },
): readonly number[] | undefined {
  const before = ring.beside(row, !ahead);
  let end = row;
  for (let length = 1; length <= longestSegment; length++) {
    if (length > 1) end = ring.beside(end, ahead);
    const after = ring.beside(end, ahead);
    if (end === near || after === before || end === before) return undefined;
    const freed = ring.distance(before, row) + ring.distance(end, after) - ring.distance(before, after);
    if (freed - direct <= least) continue;
    for (const side of [true, false])
      if (insertion(ring, { before, row, end, after, near, beyond: ring.beside(near, side === ahead) }, { side, gain: freed - direct }))
        return [row, end, before, after, near, ring.beside(end, true), ring.beside(end, false)];
  }
  return undefined;
}

/** Moves the segment row … end from between `before` and `after` to between `near` and `beyond`, where that gains something. */
function insertion(
  ring: Ring,
  at: Readonly<Record<"before" | "row" | "end" | "after" | "near" | "beyond", number>>,
  { side, gain }: { readonly side: boolean; readonly gain: number },
): boolean {
  const { before, row, end, after, near, beyond } = at;
  // The edge to open must lie outside of the segment.
  if (beyond === row || beyond === end) return false;
  if (gain + ring.distance(near, beyond) - ring.distance(end, beyond) <= least) return false;
  if (side) {
    ring.exchange(before, row, near, beyond);
    ring.exchange(before, near, after, end);
    ring.exchange(near, end, row, beyond);
  } else {
    ring.exchange(before, row, beyond, near);
    ring.exchange(before, beyond, after, end);
  }
  return true;
}

/** The rows in a ring that one more, the joint, closes. */
class Ring {
  readonly joint: number;
  private readonly table: VectorTable;
  private readonly ring: Uint32Array;
  private readonly places: Uint32Array;

  constructor(table: VectorTable, order: Uint32Array) {
    this.table = table;
    this.joint = table.rows;
    this.ring = new Uint32Array(order.length + 1);
    this.ring.set(order);
    this.ring[order.length] = this.joint;
    this.places = new Uint32Array(this.ring.length);
    this.ring.forEach((row, place) => {
      this.places[row] = place;
    });
  }

  distance(a: number, b: number): number {
    return a === this.joint || b === this.joint ? 0 : 1 - cosine(this.table, a, b);
  }

  /** The next row, or the one before. */
  beside(row: number, ahead: boolean): number {
    const { length } = this.ring;
    const place = this.places[row] as number;
    return this.ring[ahead ? (place + 1 === length ? 0 : place + 1) : place === 0 ? length - 1 : place - 1] as number;
  }

  /** Edges a–b and c–d become a–c and b–d. In one of the two directions b follows a and d follows c. */
  exchange(a: number, b: number, c: number, d: number): void {
    if (this.beside(a, true) === b && this.beside(c, true) === d) this.reverse(this.places[b] as number, this.places[c] as number);
    else this.reverse(this.places[a] as number, this.places[d] as number);
  }

  /** Turns the rows from one place to another around, or all others: the ring is the same. */
  private reverse(from: number, to: number): void {
    const { length } = this.ring;
    const inside = ((to - from + length) % length) + 1;
    let [low, high, count] = inside * 2 <= length ? [from, to, inside] : [(to + 1) % length, (from + length - 1) % length, length - inside];
    for (count = count >> 1; count > 0; count--) {
      const [a, b] = [this.ring[low] as number, this.ring[high] as number];
      this.ring[low] = b;
      this.ring[high] = a;
      this.places[b] = low;
      this.places[a] = high;
      low = low + 1 === length ? 0 : low + 1;
      high = high === 0 ? length - 1 : high - 1;
    }
  }

  walk(): Walk {
    const order = new Uint32Array(this.ring.length - 1);
    let row = this.joint;
    let cost = 0;
    for (let step = 0; step < order.length; step++) {
      const next = this.beside(row, true);
      cost += this.distance(row, next);
      order[step] = next;
      row = next;
    }
    return { order, cost };
  }
}
