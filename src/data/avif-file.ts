/** How an AVIF says that its stored picture is to be shown: turned, then mirrored. */
export interface AvifTurn {
  /** Quarter turns to the left, 0 to 3. */
  readonly quarters: number;
  readonly mirror: "none" | "top-bottom" | "left-right";
}

/**
 * Reads the turn from the item properties `irot` and `imir` (ISO/IEC 23008-12, 6.5.10 and 6.5.12). The first of each is taken for the picture's:
 * alpha has the same ones.
 */
export function avifTurn(bytes: Uint8Array): AvifTurn {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const meta = childOf(view, { start: 0, end: view.length }, "meta");
  // `meta` has a version and flags before its boxes.
  const iprp = meta && childOf(view, { ...meta, start: meta.start + 4 }, "iprp");
  const ipco = iprp && childOf(view, iprp, "ipco");
  const rotation = ipco && childOf(view, ipco, "irot");
  const mirror = ipco && childOf(view, ipco, "imir");
  const value = (box: Span | undefined): number => (box === undefined ? 0 : (view[box.start] ?? 0));
  return {
    quarters: value(rotation) & 3,
    mirror: mirror === undefined ? "none" : (value(mirror) & 1) === 0 ? "top-bottom" : "left-right",
  };
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** What is in the first box of that type. A box whose length is not a plain one ends the search. */
function childOf(bytes: Buffer, { start, end }: Span, type: string): Span | undefined {
  const header = 8;
  for (let at = start; at + header <= end; ) {
    const length = bytes.readUInt32BE(at);
    if (length < header || at + length > end) return undefined;
    if (bytes.toString("latin1", at + 4, at + header) === type) return { start: at + header, end: at + length };
    at += length;
  }
  return undefined;
}
