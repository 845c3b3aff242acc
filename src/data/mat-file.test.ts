import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { matFile } from "../../test/fixtures/data/mat-writer.ts";
import { readMatFile } from "./mat-file.ts";

const root = mkdtempSync(join(tmpdir(), "eg-mat-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
function put(data: Uint8Array): string {
  const path = join(root, `${count++}.mat`);
  writeFileSync(path, data);
  return path;
}

test("the bytes of a double 3, by hand from the format's description, are a number", () => {
  const head = Buffer.alloc(128, 32);
  head.write("IM", 126);
  // Matrix of 56 bytes: flags (class 6), dimensions 1 x 1, name "x" in a short element, one double in 8 bytes.
  const body = Buffer.from(
    `0e000000 38000000 06000000 08000000 06000000 00000000 05000000 08000000 01000000 01000000 01000100 78000000 09000000 08000000 00000000 00000840`.replaceAll(
      " ",
      "",
    ),
    "hex",
  );
  const found = readMatFile(put(Buffer.concat([head, body])));
  expect([...found.keys()]).toEqual(["x"]);
  expect(found.get("x")).toMatchObject({ kind: "numbers", dims: [1, 1] });
  expect(Array.from((found.get("x") as { values: ArrayLike<number> }).values)).toEqual([3]);
});

for (const packed of [true, false])
  test(`numbers, texts, cells and structs are read back, ${packed ? "packed" : "plain"}`, () => {
    const path = put(
      matFile(
        {
          labels: { dims: [1, 3], uint8: [7, 8, 9] },
          weights: { dims: [2, 1], double: [0.5, -2] },
          names: ["Audi", "a longer name"],
          rows: {
            rows: [
              { fname: "1.jpg", class: { dims: [1, 1], uint8: [2] } },
              { fname: "2.jpg", class: { dims: [1, 1], uint8: [1] } },
            ],
          },
        },
        packed,
      ),
    );
    const found = readMatFile(path);
    expect(found.get("labels")).toEqual({ kind: "numbers", dims: [1, 3], values: Buffer.from([7, 8, 9]), bytes: Buffer.from([7, 8, 9]) });
    expect(found.get("weights")).toEqual({ kind: "numbers", dims: [2, 1], values: Float64Array.of(0.5, -2) });
    expect(found.get("names")).toEqual({
      kind: "cells",
      cells: [
        { kind: "text", text: "Audi" },
        { kind: "text", text: "a longer name" },
      ],
    });
    const rows = found.get("rows");
    expect(rows?.kind === "struct" && rows.rows.map(({ fname }) => fname)).toEqual([
      { kind: "text", text: "1.jpg" },
      { kind: "text", text: "2.jpg" },
    ]);
  });

test("what is no such file, is cut off or is hostile is refused by name", () => {
  expect(() => readMatFile(join(root, "none.mat"))).toThrow(/there is no such file/);
  expect(() => readMatFile(put(Buffer.from("\x89HDF\r\n")))).toThrow(
    expect.objectContaining({ code: "EG-4101", fix: expect.stringContaining("-v7") as string }),
  );
  const whole = matFile({ x: { dims: [1, 100], uint8: Array.from({ length: 100 }, () => 1) } }, false);
  expect(() => readMatFile(put(whole.subarray(0, whole.length - 20)))).toThrow(/claims/);
  expect(() => readMatFile(put(matFile({ x: { dims: [1, 7], uint8: [1, 2] } })))).toThrow(/has 2 values, its dimensions say 7/);
  const bomb = deflateSync(Buffer.alloc(2 ** 20));
  const torn = Buffer.concat([
    whole.subarray(0, 128),
    Buffer.from(Uint32Array.of(15, bomb.length - 9).buffer),
    bomb.subarray(0, bomb.length - 9),
  ]);
  expect(() => readMatFile(put(torn))).toThrow(/cannot be unpacked/);
});
