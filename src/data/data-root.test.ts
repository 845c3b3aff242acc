import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dataRoot, neededFiles, statusOf } from "./data-root.ts";
import { registeredSet, registry } from "./registry.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "eg-root-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));
function put(...names: readonly string[]): void {
  for (const name of names) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), "[]");
  }
}

test("an empty root has no set, and names all that each role needs", () => {
  const absent = registry.filter((set) => statusOf(set, dataRoot(root)).state === "absent");
  expect(absent.length).toBe(63);
  expect(statusOf(registeredSet("dtd"), dataRoot(root)).missing).toEqual([
    "DTD/",
    "DTD_train.json",
    "DTD_test.json",
    "DTD_classnames.json",
  ]);
  expect(statusOf(registeredSet("imagenet"), dataRoot(root)).missing).toEqual([
    "IMAGENET/",
    "IMAGENET_test.json",
    "IMAGENET_classnames.json",
  ]);
  // Retrieval over images that are their own targets has no classes, and a set that is only evaluated needs no training part.
  expect(statusOf(registeredSet("mscoco"), dataRoot(root)).missing).toEqual(["MSCOCO/", "MSCOCO_test.json"]);
  expect(statusOf(registeredSet("mnist"), dataRoot(root)).missing).not.toContain("MNIST_train.json");
});

test("parts go by the set's own words", () => {
  const names = (handle: string): string[] => neededFiles(registeredSet(handle)).map(({ names: [first] }) => first ?? "");
  expect(names("inaturalist2021").slice(0, 2)).toEqual(["iNATURALIST2021_train_mini.json", "iNATURALIST2021_val.json"]);
  expect(names("mtsd").slice(0, 2)).toEqual(["MTSD_train.json", "MTSD_val.json"]);
});

test("a set with folder, info files and class list is ready; without one of them it is partial and says which", () => {
  put("DTD/images/a.jpg", "DTD_train.json", "DTD_test.json");
  expect(statusOf(registeredSet("dtd"), dataRoot(root))).toMatchObject({ state: "partial", missing: ["DTD_classnames.json"] });
  put("DTD_classnames.json");
  expect(statusOf(registeredSet("dtd"), dataRoot(root))).toEqual({
    state: "ready",
    images: join(root, "DTD"),
    info: ["DTD_train.json", "DTD_test.json", "DTD_classnames.json"].map((name) => join(root, name)),
    missing: [],
  });
});

test("a tar stands for the folder, an empty folder for nothing", () => {
  mkdirSync(join(root, "DTD"));
  expect(statusOf(registeredSet("dtd"), dataRoot(root)).state).toBe("absent");
  put("DTD.tar");
  expect(statusOf(registeredSet("dtd"), dataRoot(root)).images).toBe(join(root, "DTD.tar"));
});

test("the info file of the resized copy does instead of the original's where such a copy was published", () => {
  put("BIRDSNAP/x.jpg", "BIRDSNAP_train_224.json", "BIRDSNAP_test_224.json", "BIRDSNAP_classnames.json");
  expect(statusOf(registeredSet("birdsnap"), dataRoot(root)).state).toBe("ready");
  put("DTD/x.jpg", "DTD_train_224.json", "DTD_test_224.json", "DTD_classnames.json");
  expect(statusOf(registeredSet("dtd"), dataRoot(root)).state).toBe("partial");
});

test("info files are found in 00_info, and where they are said to be instead", () => {
  put("MSCOCO/x.jpg", "00_info/MSCOCO_test.json", "elsewhere/FLICKR30K_test.json");
  expect(statusOf(registeredSet("mscoco"), dataRoot(root)).state).toBe("ready");
  expect(statusOf(registeredSet("mscoco"), dataRoot(root, join(root, "elsewhere"))).missing).toEqual(["MSCOCO_test.json"]);
  expect(statusOf(registeredSet("flickr30k"), dataRoot(root, join(root, "elsewhere"))).missing).toEqual(["FLICKR30K/"]);
});
