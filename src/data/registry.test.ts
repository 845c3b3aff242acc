import { expect, test } from "vitest";
import { registeredSet, registry, total } from "./registry.ts";

const adapt = registry.filter(({ role }) => role === "adapt");
const evaluated = registry.filter(({ role }) => role === "eval");

test("63 sets: 40 + 1 are streamed, 20 + 2 only evaluated, in that order and without gaps", () => {
  expect(registry.map(({ number }) => number)).toEqual(Array.from({ length: 63 }, (_, i) => i + 1));
  expect([...adapt, ...evaluated]).toEqual(registry);
  for (const [sets, classified, retrieved] of [
    [adapt, 40, 1],
    [evaluated, 20, 2],
  ] as const)
    expect([sets.filter(({ task }) => task === "classification").length, sets.filter(({ task }) => task === "retrieval").length]).toEqual([
      classified,
      retrieved,
    ]);
});

test("the registry adds up to the published totals", () => {
  expect(total(({ samples }) => samples.train, "adapt")).toBe(1_759_790);
  expect(total(({ samples }) => samples.test, "adapt")).toBe(453_062);
  expect(total(({ samples }) => samples.train, "eval")).toBe(462_171);
  expect(total(({ samples }) => samples.test, "eval")).toBe(314_419);
  expect(total(({ classes }) => classes.paper, "adapt")).toBe(18_392);
  expect(total(({ classes }) => classes.paper, "eval")).toBe(4_653);
  expect(total(({ classes }) => classes.paper)).toBe(23_045);
  expect(total(({ classes }) => classes.list, "adapt")).toBe(18_425);
  expect(total(({ classes }) => classes.streamed)).toBe(18_381);
});

test("class counts differ in four sets alone", () => {
  const differing = adapt.filter(({ classes }) => new Set(Object.values(classes)).size > 1);
  expect(differing.map(({ handle, classes }) => [handle, classes.paper, classes.list, classes.streamed])).toEqual([
    ["clevr", 217, 247, 217],
    ["mitstates", 1959, 1962, 1959],
    ["openimages", 589, 589, 579],
    ["quilt", 157, 157, 156],
  ]);
});

test("what is streamed has a year group of one year and something to train on; what is evaluated is not streamed", () => {
  const years = new Map<number, Set<number>>();
  for (const { yearGroup, year } of adapt) years.set(yearGroup ?? 0, (years.get(yearGroup ?? 0) ?? new Set()).add(year));
  expect([...years.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 15 }, (_, i) => i + 1));
  expect([...years.values()].every((each) => each.size === 1)).toBe(true);
  expect(adapt.filter(({ samples, classes }) => samples.train === 0 || classes.streamed === 0)).toEqual([]);
  expect(evaluated.filter(({ yearGroup, classes }) => yearGroup !== null || classes.streamed !== 0)).toEqual([]);
});

test("a training part is named where there are training images, and nowhere else", () => {
  expect(registry.filter(({ samples, parts }) => samples.train > 0 !== (parts.train !== null))).toEqual([]);
  expect(registry.filter(({ split, parts }) => (split === "test-only") !== (parts.train === null))).toEqual([]);
});

test("fine-tuning on one set alone, and the zero-shot score it implies, average as published", () => {
  const alone = adapt.flatMap(({ published }) => (published.fineTunedB16 && published.fineTunedB32 ? [published] : []));
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(alone.length).toBe(40);
  expect(mean(alone.map(({ fineTunedB16 }) => fineTunedB16?.best ?? 0))).toBeCloseTo(68.28, 2);
  expect(mean(alone.map(({ fineTunedB32 }) => fineTunedB32?.best ?? 0))).toBeCloseTo(65.15, 2);
  expect(mean(alone.map(({ fineTunedB16 }) => (fineTunedB16?.best ?? 0) - (fineTunedB16?.gain ?? 0)))).toBeCloseTo(39.91, 2);
  expect(mean(alone.map(({ fineTunedB32 }) => (fineTunedB32?.best ?? 0) - (fineTunedB32?.gain ?? 0)))).toBeCloseTo(39.14, 2);
});

test("handles, folders and names are each one set's; a set is found by handle and folder in any letter case", () => {
  for (const key of ["handle", "folder", "name"] as const) expect(new Set(registry.map((set) => set[key].toLowerCase())).size).toBe(63);
  expect(registeredSet("INATURALIST2021")).toBe(registeredSet("iNATURALIST2021"));
  expect(registeredSet("OXFORDPETS").handle).toBe("oxford_pets");
  expect(() => registeredSet("cifar_100")).toThrow(expect.objectContaining({ code: "EG-2001", fix: "did you mean: cifar100" }));
});

test("every template takes a class name once", () => {
  expect(registry.filter(({ template }) => template.split("{}").length !== 2)).toEqual([]);
});
