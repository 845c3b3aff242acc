import { expect, test } from "vitest";
import { assertAlone, membersOf } from "./ensemble.ts";

const sha256 = "0a".repeat(32);
const two = [
  { path: "../../experts/a.safetensors", sha256 },
  { path: "b.safetensors", sha256 },
];

test("paths are from the file's folder, in the order told; a file that tells none is a model by itself", () => {
  expect(membersOf({ ensemble: JSON.stringify(two) }, "/run/checkpoints/t/model.safetensors")).toEqual([
    { path: "/run/experts/a.safetensors", sha256 },
    { path: "/run/checkpoints/t/b.safetensors", sha256 },
  ]);
  expect(membersOf({ format: "pt" }, "/model.safetensors")).toEqual([]);
  expect(() => assertAlone([], "/model.safetensors")).not.toThrow();
});

test.each([
  ["no JSON", "[{"],
  ["no list", JSON.stringify(two[0])],
  ["one file alone", JSON.stringify(two.slice(1))],
  ["a path from the root", JSON.stringify([...two, { path: "/etc/model.safetensors", sha256 }])],
  ["a digest cut short", JSON.stringify([...two, { path: "c", sha256: sha256.slice(1) }])],
  ["something more", JSON.stringify([...two, { path: "c", sha256, weight: 1 }])],
])("a list that is %s is refused with the file's name", (_, ensemble) => {
  expect(() => membersOf({ ensemble }, "/a/model.safetensors")).toThrow(
    expect.objectContaining({
      code: "EG-4401",
      message: expect.stringMatching(/^\/a\/model\.safetensors: its metadata ensemble/) as string,
    }),
  );
});
