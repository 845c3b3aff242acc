import { expect, test } from "vitest";
import { EvergreenError } from "../util/errors.ts";
import { openTogether } from "./open-together.ts";

const lacking = (message: string, fix?: string): Promise<never> =>
  Promise.reject(new EvergreenError(message, { code: "EG-4130", exit: "data", ...(fix === undefined ? {} : { fix }) }));

test("both that fail are told in one error, and what both say is told once", async () => {
  await expect(openTogether(lacking("no a", "fetch a."), lacking("no b", "fetch b"))).rejects.toMatchObject({
    message: "no a; no b",
    fix: "fetch a; fetch b",
  });
  await expect(openTogether(lacking("no a", "fetch a."), lacking("no a", "fetch a"))).rejects.toMatchObject({
    message: "no a",
    fix: "fetch a",
    code: "EG-4130",
  });
  await expect(openTogether(lacking("no a", "fetch all"), lacking("no b", "fetch all"))).rejects.toMatchObject({
    message: "no a; no b",
    fix: "fetch all",
  });
  await expect(openTogether(lacking("no a"), lacking("no a", "fetch a"))).rejects.toMatchObject({ message: "no a", fix: "fetch a" });
});

test("a defect is not joined with anything", async () => {
  const defect = new TypeError("x is undefined");
  await expect(openTogether(Promise.reject(defect), lacking("no a"))).rejects.toBe(defect);
  await expect(openTogether(Promise.resolve(1), Promise.resolve("a"))).resolves.toEqual([1, "a"]);
});
