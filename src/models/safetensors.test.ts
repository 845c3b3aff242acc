import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { createRandom } from "../util/random.ts";
import { type Dtype, dtypeBytes, readBytes, readHeader } from "./safetensors.ts";
import { type TensorSource, writeSafetensors } from "./safetensors-write.ts";
import { WeightsFileError } from "./weights-file-error.ts";

const folder = mkdtempSync(join(tmpdir(), "evergreen-safetensors-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const fresh = (): string => join(folder, `${files++}.safetensors`);

/** A file with this header text and as many zero bytes of data. */
function craft(header: string, data = 0, length?: bigint): string {
  const text = Buffer.from(header);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(text.length));
  const path = fresh();
  writeFileSync(path, Buffer.concat([prefix, text, Buffer.alloc(data)]));
  return path;
}
const refused = async (path: string): Promise<WeightsFileError> => {
  const error = await readHeader(path).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(WeightsFileError);
  expect((error as Error).message).toContain(path);
  return error as WeightsFileError;
};

// safetensors.torch.save({"b": tensor([1, -2, .5], dtype=float16), "a": tensor([[1.5, -3.25]]), "n": tensor(7)}, {"format": "pt"})
const python = Buffer.from(
  "yAAAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJuIjp7ImR0eXBlIjoiSTY0Iiwic2hhcGUiOltdLCJkYXRhX29mZnNldHMiOlswLDhdfSwiYSI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMSwyXSwiZGF0YV9vZmZzZXRzIjpbOCwxNl19LCJiIjp7ImR0eXBlIjoiRjE2Iiwic2hhcGUiOlszXSwiZGF0YV9vZmZzZXRzIjpbMTYsMjJdfX0gICAgIAcAAAAAAAAAAADAPwAAUMAAPADAADg=",
  "base64",
);
const sample: readonly TensorSource[] = [
  { name: "n", dtype: "I64", shape: [], data: new Uint8Array(BigInt64Array.of(7n).buffer) },
  { name: "a", dtype: "F32", shape: [1, 2], data: new Uint8Array(Float32Array.of(1.5, -3.25).buffer) },
  { name: "b", dtype: "F16", shape: [3], data: Uint8Array.of(0x00, 0x3c, 0x00, 0xc0, 0x00, 0x38) },
];

test("a file written in Python is read: names, types, shapes, values, metadata", async () => {
  const path = fresh();
  writeFileSync(path, python);
  const { entries, metadata } = await readHeader(path);
  expect(metadata).toEqual({ format: "pt" });
  expect(entries.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
    ["n", "I64", []],
    ["a", "F32", [1, 2]],
    ["b", "F16", [3]],
  ]);
  for (const [i, entry] of entries.entries())
    expect(Buffer.from(await readBytes(entry))).toEqual(Buffer.from(sample[i]?.data as Uint8Array));
});

test("what is written has the bytes Python writes", async () => {
  const path = fresh();
  await writeSafetensors(path, sample, { format: "pt" });
  expect(readFileSync(path).equals(python)).toBe(true);
});

test("any set of tensors comes back as it was written, aligned to its values' size", async () => {
  const tensor = fc
    .record({
      dtype: fc.constantFrom(...(Object.keys(dtypeBytes) as Dtype[])),
      shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
      seed: fc.nat(),
    })
    .map(({ dtype, shape, seed }) => {
      const bytes = shape.reduce((product, side) => product * side, dtypeBytes[dtype]);
      return { dtype, shape, data: Uint8Array.from({ length: bytes }, (_, i) => (seed + i * 37) % 256) };
    });
  const names = fc.string({ unit: "grapheme", maxLength: 12 }).filter((name) => name !== "__metadata__");
  await fc.assert(
    fc.asyncProperty(
      fc.dictionary(names, tensor, { maxKeys: 8 }),
      fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
      async (tensors, metadata) => {
        const path = fresh();
        const list = Object.entries(tensors).map(([name, value]) => ({ name, ...value }));
        await writeSafetensors(path, list, metadata);
        const header = await readHeader(path);
        expect(Object.entries(header.metadata).sort()).toEqual(Object.entries(metadata).sort());
        expect(header.entries.map((entry) => entry.name).sort()).toEqual(list.map((item) => item.name).sort());
        for (const entry of header.entries) {
          const source = list.find((item) => item.name === entry.name);
          expect(entry).toMatchObject({ dtype: source?.dtype, shape: source?.shape });
          expect(entry.offset % dtypeBytes[entry.dtype]).toBe(0);
          expect(Buffer.from(await readBytes(entry)).equals(Buffer.from(source?.data ?? []))).toBe(true);
        }
        rmSync(path);
      },
    ),
    { numRuns: 60 },
  );
});

test("lazy and chunked tensors are asked for one at a time, in the order of the file", async () => {
  const asked: string[] = [];
  const source = (name: string, dtype: Dtype): TensorSource => ({
    name,
    dtype,
    shape: [4],
    data: async function* () {
      asked.push(name);
      const bytes = dtypeBytes[dtype];
      for (let i = 0; i < 4; i++) yield new Uint8Array(bytes).fill(i);
      asked.push(`${name} done`);
    },
  });
  const path = fresh();
  await writeSafetensors(path, [source("half", "BF16"), source("full", "F32"), source("other", "BF16")]);
  expect(asked).toEqual(["full", "full done", "half", "half done", "other", "other done"]);
  const half = (await readHeader(path)).entries[1];
  expect([...(await readBytes(half as never))]).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
});

test("chunks of any length, in room that is used again, become the tensor's bytes", async () => {
  const lengths = [1, 70_000, 262_143, 262_144, 3, 400_001, 262_141, 2];
  const all = Uint8Array.from({ length: lengths.reduce((sum, length) => sum + length, 0) }, (_, i) => i % 251);
  const room = new Uint8Array(500_000);
  const path = fresh();
  const data = function* () {
    let begin = 0;
    for (const length of lengths) {
      room.set(all.subarray(begin, begin + length));
      begin += length;
      yield room.subarray(0, length);
      room.fill(255);
    }
  };
  await writeSafetensors(path, [{ name: "bytes", dtype: "U8", shape: [all.length], data }]);
  expect(Buffer.compare(readFileSync(path).subarray(-all.length), all)).toBe(0);
});

test("a tensor of the wrong length is refused, the earlier file stays and no temporary is left", async () => {
  const home = mkdtempSync(join(folder, "whole-"));
  const path = join(home, "model.safetensors");
  await writeSafetensors(path, sample);
  const before = readFileSync(path);
  for (const bytes of [7, 9, 0])
    await expect(writeSafetensors(path, [{ name: "x", dtype: "F32", shape: [2], data: new Uint8Array(bytes) }])).rejects.toMatchObject({
      problem: "write",
      tensor: "x",
    });
  await expect(writeSafetensors(path, [...sample, ...sample])).rejects.toMatchObject({ problem: "duplicate" });
  expect(readFileSync(path).equals(before)).toBe(true);
  expect(readdirSync(home)).toEqual(["model.safetensors"]);
});

test("a tensor's name in an error is quoted, short, and nothing that a terminal acts on", async () => {
  const name = `\u001b[31m\n\u0000${"x".repeat(1000)}`;
  const { message } = await refused(craft(`{${JSON.stringify(name)}:${entry(0, 4)},"b":${entry(2, 6)}}`, 6));
  expect(message).toContain(`before the end of "\\u001b[31m\\n\\u0000${"x".repeat(70)}`);
  expect(message).toMatch(/^[^\p{Cc}]{0,300}$/u);
});

const entry = (begin: number, end: number, more = '"dtype":"F32","shape":[1]'): string => `{${more},"data_offsets":[${begin},${end}]}`;

test.each([
  ["overlapping tensors", `{"a":${entry(0, 4)},"b":${entry(2, 6)}}`, 6, "overlap", "b"],
  ["two tensors in one place", `{"a":${entry(0, 4)},"b":${entry(0, 4)}}`, 4, "overlap", "b"],
  ["a gap", `{"a":${entry(0, 4)},"b":${entry(8, 12)}}`, 12, "gap", "b"],
  ["a gap in front", `{"a":${entry(4, 8)}}`, 8, "gap", "a"],
  ["trailing bytes", `{"a":${entry(0, 4)}}`, 5, "trailing", undefined],
  ["too few bytes", `{"a":${entry(0, 4)}}`, 3, "truncated", "a"],
  ["bytes that do not match the shape", `{"a":${entry(0, 8)}}`, 8, "offsets", "a"],
  ["reversed offsets", `{"a":${entry(4, 0)}}`, 4, "offsets", "a"],
  ["negative offsets", `{"a":${entry(-4, 0)}}`, 4, "offsets", "a"],
  ["a fractional offset", `{"a":${entry(0.5, 4.5)}}`, 5, "offsets", "a"],
  ["an infinite offset", '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1e999]}}', 4, "offsets", "a"],
  ["three offsets", '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,2,4]}}', 4, "offsets", "a"],
  ["an offset over 2^53", '{"a":{"dtype":"U8","shape":[1],"data_offsets":[9007199254740993,9007199254740994]}}', 4, "offsets", "a"],
  ["a shape over 2^53", `{"a":${entry(0, 4, '"dtype":"F32","shape":[4294967296,4294967296,16]')}}`, 4, "shape", "a"],
  ["a shape that wraps to 4 in 64 bits", `{"a":${entry(0, 4, '"dtype":"F32","shape":[18446744073709551615,1]')}}`, 4, "shape", "a"],
  ["a negative side", `{"a":${entry(0, 4, '"dtype":"F32","shape":[-1,-1]')}}`, 4, "shape", "a"],
  ["an unknown dtype", `{"a":${entry(0, 1, '"dtype":"F8_E4M3","shape":[1]')}}`, 1, "dtype", "a"],
  ["a dtype from Object.prototype", `{"a":${entry(0, 1, '"dtype":"constructor","shape":[1]')}}`, 1, "dtype", "a"],
  ["an unknown key", `{"a":${entry(0, 4, '"dtype":"F32","shape":[1],"stride":[1]')}}`, 4, "header", "a"],
  ["a tensor that is no object", '{"a":[0,4]}', 4, "header", "a"],
  ["a name twice", `{"a":${entry(0, 4)},"\\u0061":${entry(4, 8)}}`, 8, "duplicate", undefined],
  ["dtype twice", `{"a":${entry(0, 4, '"dtype":"F32","dtype":"F32","shape":[1]')}}`, 4, "duplicate", undefined],
  ["metadata that is not text", '{"__metadata__":{"a":1}}', 0, "header", undefined],
  ["metadata that is a list", '{"__metadata__":["a"]}', 0, "header", undefined],
  ["no JSON", "{nonsense}", 0, "header", undefined],
  ["a list", "[]", 0, "header", undefined],
  ["a byte order mark", "\ufeff{}", 0, "header", undefined],
] as const)("%s is refused", async (...[, header, data, problem, tensor]) => {
  const error = await refused(craft(header, data));
  expect({ problem: error.problem, tensor: error.tensor, code: error.code, exit: error.exit }).toEqual({
    problem,
    tensor,
    code: "EG-4401",
    exit: "data",
  });
});

test("a header that is deeply nested, very long or not UTF-8 is refused", async () => {
  expect((await refused(craft("{}", 0, 100_000_001n))).message).toContain("100000000");
  expect((await refused(craft("{}", 0, 2n ** 64n - 1n))).problem).toBe("header");
  expect((await refused(craft("{}", 0, 3n))).problem).toBe("truncated");
  expect((await refused(craft(`{"a":${"[".repeat(2_000_000)}`))).problem).toBe("header");
  expect((await refused(craft(`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`))).problem).toBe("header");
  const path = fresh();
  writeFileSync(path, Buffer.from([4, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff, 0xfe, 0x7d]));
  expect((await refused(path)).message).toContain("UTF-8");
});

test("an empty model and tensors without values are valid", async () => {
  expect(await readHeader(craft("{}"))).toEqual({ entries: [], metadata: {} });
  const none = '"dtype":"F32","shape":[0,7]';
  expect(
    (await readHeader(craft(`{"a":${entry(0, 0, none)},"b":${entry(0, 4)},"c":${entry(4, 4, none)}}`, 4))).entries.map(({ name }) => name),
  ).toEqual(["a", "b", "c"]);
  expect((await readHeader(craft(`{"__proto__":${entry(0, 4)}}  `, 4))).entries[0]?.name).toBe("__proto__");
});

test("files of other formats are refused with the way on", async () => {
  const write = (bytes: Buffer | string, name: string): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const zip = await refused(write("PK\x03\x04 and so on", "weights.bin"));
  expect(zip.fix).toMatch(
    /\n {4}import torch; .*torch\.load\(.*weights\.bin", map_location="cpu", weights_only=True\)\n {4}save_file\(.*weights\.safetensors"\)$/,
  );
  expect((await refused(write("PK\x03\x04 archive/constants.pkl", "openai.pt"))).fix).toContain("torch.jit.load");
  expect((await refused(write(Buffer.from([0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9]), "old.pth"))).fix).toContain("torch.load");
  expect((await refused(write("version https://git-lfs.github.com/spec/v1\n", "lfs.safetensors"))).fix).toContain("git lfs pull");
  expect((await refused(write("<!DOCTYPE html><html>", "page.safetensors"))).message).toContain("web page");
  expect((await refused(write("GGUF\x03\x00\x00\x00", "llm.gguf"))).problem).toBe("foreign");
  expect((await refused(write("", "empty.safetensors"))).message).toContain("is empty");
  expect((await refused(write("abc", "short.safetensors"))).problem).toBe("truncated");
});

test("a folder, a pipe and a missing file are refused at once", async () => {
  expect((await refused(folder)).problem).toBe("unreadable");
  expect((await refused(join(folder, "absent"))).message).toContain("no such file");
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  expect((await refused(pipe)).problem).toBe("unreadable");
});

test("2,000 mutated headers give a header or a typed error", async () => {
  const random = createRandom(3);
  const outcomes = { read: 0, refused: 0 };
  const path = fresh();
  const interesting = [...'{}[]",:0123456789-.eE\\u', "4294967296", "9007199254740993", "-1", "null", "1e308", '"dtype"', "F16"].map(
    (text) => Buffer.from(text),
  );
  for (let i = 0; i < 2000; i++) {
    const draws = random.at("fuzz/safetensors", { index: i });
    let bytes = Buffer.from(python);
    for (let edit = draws.below(6); edit >= 0; edit--) {
      const at = draws.below(Math.min(bytes.length, 260) + 1);
      const cut = draws.below(3) === 0 ? draws.below(12) : draws.below(2);
      const insert = draws.below(4) === 0 ? Buffer.from([draws.below(256)]) : (interesting[draws.below(interesting.length)] as Buffer);
      bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + cut)]);
    }
    // Half of them keep a true length prefix, or nearly all would fail there.
    if (i % 2 === 0 && bytes.length > 8) bytes.writeBigUInt64LE(BigInt(Math.max(0, bytes.length - 8 - 22)));
    writeFileSync(path, bytes);
    try {
      const { entries } = await readHeader(path);
      for (const item of entries) expect((await readBytes(item)).length).toBe(item.bytes);
      outcomes.read++;
    } catch (error) {
      expect(error).toBeInstanceOf(WeightsFileError);
      outcomes.refused++;
    }
  }
  expect(outcomes.read + outcomes.refused).toBe(2000);
  expect(outcomes.read).toBeGreaterThan(0);
});

test("a file of over 4 GiB is read at the right place without reading the rest", async () => {
  const path = fresh();
  const bytes = 2 ** 32 + 16;
  const head = Buffer.from(
    `{"a":{"dtype":"U8","shape":[${bytes}],"data_offsets":[0,${bytes}]},"b":{"dtype":"U8","shape":[2],"data_offsets":[${bytes},${bytes + 2}]}}`,
  );
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(head.length));
  writeFileSync(path, Buffer.concat([prefix, head]));
  const file = await open(path, "r+");
  await file.write(Uint8Array.of(5, 6), 0, 2, 8 + head.length + bytes);
  await file.close();
  expect(statSync(path).blocks * 512).toBeLessThan(1e6);
  const { entries } = await readHeader(path);
  expect([...(await readBytes(entries[1] as never))]).toEqual([5, 6]);
  rmSync(path);
});
