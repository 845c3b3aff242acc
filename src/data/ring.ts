/** Shape of the shared memory between the trainer and its data workers. */
export interface RingShape {
  /** Batches that may be ready ahead. */
  readonly depth: number;
  readonly maxRows: number;
  /** Bytes of one row's pixels. */
  readonly rowBytes: number;
}

/** What a thread needs to see the same ring. */
export interface RingMemory {
  readonly shape: RingShape;
  readonly pixels: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
}

/** What became of a row. */
export const rowState = { waiting: 0, reading: 1, ready: 2, failed: 3 } as const;

// Words of a slot: the next row to claim, finished rows, and one state per row.
const claimedWord = 0;
const finishedWord = 1;
const slotHeader = 2;
const rowMask = 0xffff;

/** An epoch and the next row in one word. */
function ticket(epoch: number, row: number): number {
  return ((epoch & 0x7fff) << 16) | row;
}

/**
 * Slots of pixels, [B, 3, S, S] each, and the words by which threads agree, read and written by `Atomics` alone: nothing here waits for an event loop.
 * The consumer resets a slot, sends its rows to every worker, and waits; each worker claims the next row until none is left.
 */
export class Ring {
  readonly memory: RingMemory;
  private readonly words: Int32Array;

  constructor(memory: RingMemory) {
    this.memory = memory;
    this.words = new Int32Array(memory.control);
  }

  static create(shape: RingShape): Ring {
    const { depth, maxRows, rowBytes } = shape;
    if (maxRows >= rowMask) throw new RangeError(`internal: a batch of ${maxRows} rows does not fit the ring (limit ${rowMask - 1})`);
    const pixels = new SharedArrayBuffer(depth * maxRows * rowBytes);
    const control = new SharedArrayBuffer(4 * (depth * (slotHeader + maxRows) + 2));
    return new Ring({ shape, pixels, control });
  }

  /** Makes a slot ready for a batch of another epoch. Only while no worker reads for it. */
  reset(slot: number, epoch: number): void {
    const from = this.word(slot, 0);
    for (let i = from; i < from + slotHeader + this.memory.shape.maxRows; i++) Atomics.store(this.words, i, 0);
    Atomics.store(this.words, this.word(slot, claimedWord), ticket(epoch, 0));
  }

  /**
   * The next of a batch's rows that nobody took; undefined when none is left, or when the slot serves another epoch by now:
   * epoch and row are one word, so a worker that comes late cannot take a row of the batch after its own.
   */
  claim(slot: number, epoch: number, rows: number): number | undefined {
    const at = this.word(slot, claimedWord);
    for (;;) {
      const held = Atomics.load(this.words, at);
      const row = held & rowMask;
      if (held !== ticket(epoch, row) || row >= rows) return undefined;
      if (Atomics.compareExchange(this.words, at, held, ticket(epoch, row + 1)) !== held) continue;
      Atomics.store(this.words, this.word(slot, slotHeader + row), rowState.reading);
      return row;
    }
  }

  /** Ends the claiming of a batch; gives the number of rows that were taken. */
  cancel(slot: number, epoch: number): number {
    return Atomics.exchange(this.words, this.word(slot, claimedWord), ticket(epoch, rowMask)) & rowMask;
  }

  /** Publishes a row and wakes the consumer. */
  finish(slot: number, row: number, state: number): void {
    Atomics.store(this.words, this.word(slot, slotHeader + row), state);
    Atomics.add(this.words, this.word(slot, finishedWord), 1);
    Atomics.notify(this.words, this.word(slot, finishedWord));
  }

  finished(slot: number): number {
    return Atomics.load(this.words, this.word(slot, finishedWord));
  }

  /** Sleeps until the number of finished rows is no longer `seen`, or `ms` are over. */
  sleep(slot: number, seen: number, ms: number): void {
    Atomics.wait(this.words, this.word(slot, finishedWord), seen, ms);
  }

  /** Puts a failed row back for one more try. */
  retry(slot: number, row: number): void {
    Atomics.store(this.words, this.word(slot, slotHeader + row), rowState.reading);
    Atomics.sub(this.words, this.word(slot, finishedWord), 1);
  }

  state(slot: number, row: number): number {
    return Atomics.load(this.words, this.word(slot, slotHeader + row));
  }

  /** The pixels of a slot's first `rows` rows: the shared bytes themselves. */
  pixels(slot: number, rows: number): Uint8Array {
    const { maxRows, rowBytes } = this.memory.shape;
    return new Uint8Array(this.memory.pixels, slot * maxRows * rowBytes, rows * rowBytes);
  }

  /** A worker's last word: it will do nothing more. */
  declareDead(): void {
    Atomics.store(this.words, this.words.length - 1, 1);
  }

  /** Whether any worker declared itself dead. */
  hasDead(): boolean {
    return Atomics.load(this.words, this.words.length - 1) !== 0;
  }

  private word(slot: number, at: number): number {
    return slot * (slotHeader + this.memory.shape.maxRows) + at;
  }
}
