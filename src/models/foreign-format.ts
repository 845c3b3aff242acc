import type { FileHandle } from "node:fs/promises";
import { hostDevice } from "../engine/host.ts";
import { WeightsFileError } from "./weights-file-error.ts";

/** Looks at a file's first bytes for formats people have in place of safetensors; gives the refusal that helps them on. */
export async function foreignFormat(file: FileHandle, path: string, size: number): Promise<WeightsFileError | undefined> {
  const head = await slice(file, 0, Math.min(size, 64));
  if (size === 0) return refusal(path, "is empty", "it was not copied or downloaded completely; fetch it again");
  if (head.startsWith("PK\x03\x04")) {
    const tail = await slice(file, Math.max(0, size - 65_536), Math.min(size, 65_536));
    return pickled(path, tail.includes("constants.pkl"));
  }
  // Opcode PROTO with version 2 to 5, then whatever a pickled object begins with; in safetensors it would be a header
  // whose length says so and whose ninth byte is a brace.
  if (head[0] === "\x80" && "\x02\x03\x04\x05".includes(head[1] ?? "-") && head[8] !== "{") return pickled(path, false);
  if (head.startsWith("version https://git-lfs")) return refusal(path, "is a Git LFS pointer, not the file itself", "run: git lfs pull");
  if (/^\s*<(!doctype|html)/i.test(head))
    return refusal(path, "is a web page, not a weights file", "download the file itself, not the page that shows it");
  if (head.startsWith("GGUF")) return refusal(path, "is a GGUF file", "use the safetensors file it was made from");
  if (head.startsWith("\x89HDF")) return refusal(path, "is an HDF5 file", "use a safetensors file of the same model");
  return undefined;
}

async function slice(file: FileHandle, offset: number, bytes: number): Promise<string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, offset);
  return buffer.toString("latin1", 0, bytesRead);
}

function pickled(path: string, script: boolean): WeightsFileError {
  const target = `${path.replace(/\.[A-Za-z0-9]+$/, "")}.safetensors`;
  const load = script
    ? `torch.jit.load(${JSON.stringify(path)}, map_location="${hostDevice}").state_dict()`
    : `torch.load(${JSON.stringify(path)}, map_location="${hostDevice}", weights_only=True)`;
  return refusal(
    path,
    "is a pickle file; reading one can run any program, so it is refused",
    `convert it once, in Python with torch and safetensors:\n    import torch; from safetensors.torch import save_file; s = ${load}\n` +
      `    save_file({k: v.clone().contiguous() for k, v in s.get("state_dict", s.get("model", s)).items() if torch.is_tensor(v)}, ${JSON.stringify(target)})`,
  );
}

function refusal(path: string, message: string, fix: string): WeightsFileError {
  return new WeightsFileError(path, "foreign", message, { fix });
}
