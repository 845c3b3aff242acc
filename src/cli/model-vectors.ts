import { writeSafetensors } from "../models/safetensors-write.ts";
import type { EmbeddingRows, Embeddings } from "../pipeline/encode.ts";
import { writeOutput } from "./output-file.ts";

/**
 * Writes embeddings and gives the files' names: one `.safetensors` with `image` and `text`, or a `.npy` for the one side there is; both sides are two files,
 * `NAME.image.npy` and `NAME.text.npy`. A side without rows is left out.
 */
export async function writeEmbeddings(path: string, embeddings: Embeddings): Promise<readonly string[]> {
  const sides = (["image", "text"] as const).flatMap((name) => (embeddings[name].rows > 0 ? [{ name, ...embeddings[name] }] : []));
  if (path.endsWith(".safetensors")) {
    const tensors = sides.map(({ name, rows, width, values }) => ({
      name,
      dtype: "F32" as const,
      shape: [rows, width],
      data: bytesOf(values),
    }));
    await writeSafetensors(path, tensors);
    return [path];
  }
  return sides.map((side) => {
    const file = sides.length === 1 ? path : path.replace(/\.npy$/, `.${side.name}.npy`);
    writeOutput(file, npyPieces(side));
    return file;
  });
}

/** NumPy's format 1.0: magic, version, length of the header, header padded to a multiple of 64 bytes, values. */
export function npyPieces({ rows, width, values }: EmbeddingRows): readonly Uint8Array[] {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${width}), }`;
  const length = Math.ceil((10 + header.length + 1) / 64) * 64 - 10;
  const head = Buffer.alloc(10 + length, " ");
  head.write("\x93NUMPY\x01\x00", "latin1");
  head.writeUInt16LE(length, 8);
  head.write(header, 10, "latin1");
  head.write("\n", head.length - 1);
  return [head, bytesOf(values)];
}

const bytesOf = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
