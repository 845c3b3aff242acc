import { type DType, entryBytes } from "../engine/tensor.ts";
import type { Recipe } from "../models/weight-names.ts";
import { sizeOf } from "./entry-reader.ts";
import { allBytes, type MergedOutput } from "./planned-merge.ts";

/**
 * The tensors of a result as a file of some naming holds them, in its order. Tensors that are parts of one are cut from one stream of bytes, so that it is merged once:
 * their bytes must be asked for in this order, each once.
 */
export function namedOutputs(outputs: readonly MergedOutput[], recipes: readonly Recipe[]): readonly MergedOutput[] {
  const byName = new Map(outputs.map((output) => [output.name, output]));
  const streams = new Map<string, ByteStream>();
  return recipes.map(({ target, shape, op, sources }): MergedOutput => {
    const source = byName.get(sources[0] ?? "");
    if (!source) throw new Error(`internal: ${target} is made of no merged tensor`);
    const bytesOf = (dtype: DType): Iterable<Uint8Array> => {
      switch (op) {
        case "copy":
        case "squeeze":
          return source.bytes(dtype);
        case "transpose":
          return [turned(allBytes(source, dtype), source.shape, entryBytes(dtype))];
        case "slice-rows": {
          const stream = streams.get(source.name) ?? new ByteStream(source.bytes(dtype));
          streams.set(source.name, stream);
          return stream.take(sizeOf(shape) * entryBytes(dtype));
        }
        case "concat-rows":
          throw new Error(`internal: ${target} is made of several tensors`);
        default:
          return op satisfies never;
      }
    };
    return {
      name: target,
      shape,
      isCounter: source.isCounter,
      *bytes(dtype) {
        yield* bytesOf(dtype);
      },
    };
  });
}

/** A stream that is taken in runs of any length. */
class ByteStream {
  private readonly chunks: Iterator<Uint8Array>;
  private rest: Uint8Array = new Uint8Array();

  constructor(chunks: Iterator<Uint8Array>) {
    this.chunks = chunks;
  }

  *take(length: number): Generator<Uint8Array> {
    for (let left = length; left > 0; ) {
      if (this.rest.length === 0) {
        const next = this.chunks.next();
        if (next.done) throw new Error(`internal: a merged tensor ends ${left} bytes early`);
        this.rest = next.value;
      }
      const part = this.rest.subarray(0, left);
      this.rest = this.rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }
}

/** A matrix of entries of `width` bytes, rows become columns. */
function turned(bytes: Uint8Array, [rows = 0, columns = 0]: readonly number[], width: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const from = (row * columns + column) * width;
      for (let byte = 0; byte < width; byte++) out[(column * rows + row) * width + byte] = bytes[from + byte] as number;
    }
  return out;
}
