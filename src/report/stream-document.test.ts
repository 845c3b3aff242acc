import { parseHTML } from "linkedom";
import { describe, expect, test } from "vitest";
import { hostile } from "../../test/fixtures/report/content.ts";
import { hostileStream } from "../../test/fixtures/report/stream-content.ts";
import { contentPolicy, renderPage } from "./html.ts";
import { streamDocument } from "./stream-document.ts";
import { streamFigures } from "./stream-figure.ts";

describe("the page of a stream", () => {
  const html = renderPage(streamDocument(hostileStream), "stream");
  const { document } = parseHTML(html);

  test("shows hostile names as text alone, runs nothing and asks for nothing", () => {
    expect(document.querySelector("meta[http-equiv=Content-Security-Policy]")?.getAttribute("content")).toBe(contentPolicy);
    expect(document.querySelectorAll("script, iframe, object, embed, link, form, base")).toHaveLength(0);
    for (const element of document.querySelectorAll("*"))
      for (const name of element.getAttributeNames()) {
        expect(name, element.outerHTML.slice(0, 80)).not.toMatch(/^on/i);
        if (["src", "href"].includes(name))
          expect(element.getAttribute(name)).toMatch(/^(#[a-z]+|data:image\/(png|jpeg);base64,[A-Za-z0-9+/=]+)$/);
      }
    expect(document.querySelector("h1")?.textContent).toBe(hostile);
    expect([...document.querySelectorAll("#samples img")].map((image) => image.getAttribute("alt"))).toEqual([hostile]);
    expect(document.querySelector("#licences td")?.textContent).toBe(hostile);
  });

  test("names every figure, table and picture, and links each section", () => {
    for (const svg of document.querySelectorAll("svg")) expect(svg.getAttribute("aria-label")?.length).toBeGreaterThan(20);
    for (const table of document.querySelectorAll("table")) expect(table.querySelector("caption")?.textContent?.length).toBeGreaterThan(5);
    const sections = [...document.querySelectorAll("section")].map((section) => `#${section.id}`);
    expect([...document.querySelectorAll("nav a")].map((link) => link.getAttribute("href"))).toEqual(sections);
    expect(sections).toEqual(["#summary", "#sizes", "#sets", "#years", "#tasks", "#samples", "#licences", "#missing"]);
  });

  test("is the same for the same content", () => {
    expect(renderPage(streamDocument(hostileStream), "stream")).toBe(html);
  });
});

describe("its figures", () => {
  const [sizes, sets, years] = streamFigures(hostileStream.tasks);

  test("count what is in the tasks", () => {
    expect(sizes?.reading).toBe("2 tasks of 2 concepts and 4 to 8 training samples each.");
    expect(sizes?.table.rows).toEqual([
      [1, hostile, 2, 8],
      [2, "", 2, 4],
    ]);
    expect(sets?.reading).toBe("2 data sets; a task touches 1 to 2 of them.");
    expect(sets?.table.rows).toEqual([
      ["birds", 3, 7, 2, 1, 2],
      [hostile, 1, 5, 1, 1, 1],
    ]);
    expect(years?.reading).toBe("Dated concepts are from 2001 to 2003; 1 of 4 have no year.");
    expect(years?.table.rows.map(([name]) => name)).toEqual(["2001", "2003", "undated"]);
  });

  test("draw a cell for each pair of a set and a task that it gives concepts to, and a bar a task", () => {
    const rects = (svg = ""): number => (svg.match(/<rect /g) ?? []).length;
    expect(rects(sizes?.svg)).toBe(2);
    expect(rects(sets?.svg)).toBe(3);
    expect(rects(years?.svg)).toBe(4);
  });

  test("stay readable for two hundred tasks of forty sets, and are without years where none is known", () => {
    const many = Array.from({ length: 200 }, (_, task) => ({
      concepts: Array.from({ length: 5 }, (__, i) => ({ dataset: `set ${(task + i) % 40}`, name: `${i}` })),
    }));
    const figures = streamFigures(many);
    expect(figures.map(({ id }) => id)).toEqual(["sizes", "sets"]);
    expect(figures[0]?.table.rows[0]).toEqual([1, "", 5, undefined]);
    for (const { svg } of figures) {
      expect(Number(/ width="(\d+)/.exec(svg)?.[1])).toBeLessThanOrEqual(1200);
      expect(svg.length).toBeLessThan(300_000);
    }
  });
});
