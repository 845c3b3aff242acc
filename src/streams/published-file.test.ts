import { expect, test } from "vitest";
import { sha256 } from "../util/hash.ts";
import { conceptsOf, entryHashes, entryOf, formatStreamFile, parseStreamFile, switches } from "./published-file.ts";
import { publishedSets } from "./published-sets.ts";

const text = JSON.stringify(["FLOWERS102+++king protea", "eurosat+++x", "CIFAR100+++can", "fgvcaircraft+++737-200"]);
const parse = (list: unknown, known: readonly string[] = ["EuroSAT"]) => parseStreamFile(JSON.stringify(list), "s.json", known);

test("tokens go by folder, handle or an own data set, in any letter case; class names stay as they are", () => {
  const entries = parseStreamFile(text, "s.json", ["EuroSAT"]);
  expect(entries.map(({ dataset, name }) => [dataset, name])).toEqual([
    ["flowers102", "king protea"],
    ["EuroSAT", "x"],
    ["cifar100", "can"],
    ["fgvcaircraft", "737-200"],
  ]);
  expect(parse(["DTD+++  Ébène\u0301 "])[0]?.name).toBe("  Ébène\u0301 ");
});

test.each([
  [["FLOWERS102"], /entry 1: "FLOWERS102" has 0 marks/],
  [["DTD+++a", "DTD+++a+++b"], /entry 2: .* has 2 marks/],
  [["DTD+++a", "FLOWRS102+++a"], /entry 2: unknown data set "FLOWRS102"/],
  [["DTD+++a", "CIFAR100+++a", "dtd+++a"], /entry 3: "dtd\+\+\+a" is entry 1 already/],
  [["DTD+++a", 3], /entry 2: 3 is no text/],
  [{ DTD: "a" }, /no list/],
])("%j is refused with its place", (list, message) => {
  expect(() => parse(list)).toThrow(message);
});

test("an unknown data set is answered with the nearest token", () => {
  expect(() => parse(["FLOWRS102+++a"])).toThrow(expect.objectContaining({ fix: 'did you mean "FLOWERS102"?' }));
});

test("hashes are those of the entries as the file spells them, in order and sorted by code point", () => {
  const entries = parse(["DTD+++b", "dtd+++a", "DTD+++\u{1f600}", "DTD+++\uff5e"]);
  const order = ["DTD+++b", "dtd+++a", "DTD+++\u{1f600}", "DTD+++\uff5e"];
  const sorted = ["DTD+++b", "DTD+++\uff5e", "DTD+++\u{1f600}", "dtd+++a"];
  expect(entryHashes(entries)).toEqual({ order: sha256(order.join("\n")).slice(0, 16), set: sha256(sorted.join("\n")).slice(0, 16) });
});

test("what is written reads back, under the published tokens", () => {
  const entries = parseStreamFile(text, "s.json", ["EuroSAT"]);
  const written = formatStreamFile(entries);
  expect(JSON.parse(written)).toEqual(["FLOWERS102+++king protea", "EuroSAT+++x", "CIFAR100+++can", "FGVCAircraft+++737-200"]);
  expect(parseStreamFile(written, "t.json", ["EuroSAT"]).map(({ dataset, name }) => [dataset, name])).toEqual(
    entries.map(({ dataset, name }) => [dataset, name]),
  );
  expect(() => entryOf({ dataset: "a", name: "x+++y" })).toThrow(/holds "\+\+\+"/);
  expect(switches(entries)).toBe(3);
});

test("entries find their concepts whatever the set is called; a class that is missing is named with the nearest", () => {
  const concept = (dataset: string, name: string) => ({ id: `${dataset}/${name}`, dataset, name, samples: [], stats: {} });
  const data = [concept("CIFAR100", "can"), concept("CIFAR100", "cup"), concept("flowers102", "rose")];
  expect(conceptsOf(parse(["FLOWERS102+++rose", "cifar100+++can"]), data, "s").map(({ id }) => id)).toEqual([
    "flowers102/rose",
    "CIFAR100/can",
  ]);
  expect(() => conceptsOf(parse(["CIFAR100+++cap"]), data, "s")).toThrow(/entry 1: CIFAR100 has no class "cap"/);
  expect(() => conceptsOf(parse(["DTD+++a"]), data, "s")).toThrow(/no data for DTD/);
});

test("the table of published sets adds up, by set and by year group", () => {
  expect(publishedSets.reduce((sum, { concepts }) => sum + concepts, 0)).toBe(18_381);
  const groups = new Map<number, number>();
  for (const { group, concepts } of publishedSets) groups.set(group, (groups.get(group) ?? 0) + concepts);
  expect([...groups.values()]).toEqual([102, 100, 397, 200, 100, 2394, 1997, 594, 901, 902, 1795, 259, 2935, 5285, 420]);
  expect(publishedSets.filter(({ concepts, classes }) => concepts !== classes).map(({ handle }) => handle)).toEqual([
    "mitstates",
    "openimages",
    "clevr",
    "quilt",
  ]);
});

test("where any name may stand, one's own sets go as they are spelled and published ones by their handle", () => {
  const [own, published] = parseStreamFile('["mine+++a", "FLOWERS102+++b"]', "s.json", "any");
  expect([own?.dataset, published?.dataset]).toEqual(["mine", "flowers102"]);
});
