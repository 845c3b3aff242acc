import { expect, test } from "vitest";
import { floatOf } from "./model-info.ts";
import { npyPieces } from "./model-vectors.ts";

test("an array is NumPy's format 1.0: header of a multiple of 64 bytes, then the values", () => {
  const bytes = Buffer.concat(npyPieces({ rows: 2, width: 3, values: Float32Array.of(1, 2, 3, 4, 5, -0.5) }));
  expect(bytes.subarray(0, 8).toString("hex")).toBe("934e554d50590100");
  const end = 10 + bytes.readUInt16LE(8);
  expect(end % 64).toBe(0);
  expect(bytes.toString("latin1", 10, end)).toMatch(/^\{'descr': '<f4', 'fortran_order': False, 'shape': \(2, 3\), \} *\n$/);
  expect(Array.from({ length: 6 }, (_, i) => bytes.readFloatLE(end + 4 * i))).toEqual([1, 2, 3, 4, 5, -0.5]);
  expect(bytes.length).toBe(end + 24);
});

test("a scalar is read in each floating type", () => {
  expect(floatOf("F32", Uint8Array.of(0, 0, 0xc0, 0x3f))).toBe(1.5);
  expect(floatOf("BF16", Uint8Array.of(0xc0, 0x3f))).toBe(1.5);
  expect(floatOf("F16", Uint8Array.of(0x00, 0x3e))).toBe(1.5);
  expect(floatOf("F16", Uint8Array.of(0x00, 0xc4))).toBe(-4);
  expect(floatOf("F16", Uint8Array.of(0x01, 0x00))).toBe(2 ** -24);
  expect(floatOf("F16", Uint8Array.of(0x00, 0x7c))).toBe(Number.POSITIVE_INFINITY);
});
