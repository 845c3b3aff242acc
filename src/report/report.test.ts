import { parseHTML } from "linkedom";
import { describe, expect, test } from "vitest";
import { hostile, hostileContent, machinePath } from "../../test/fixtures/report/content.ts";
import { viewOf } from "../runs/view.ts";
import { type ReportContent, withoutPaths } from "./content.ts";
import { contentPolicy, renderFigures, renderPage } from "./html.ts";
import { thin } from "./loss-figure.ts";
import { renderMarkdown } from "./markdown.ts";
import { contrast, palette } from "./palette.ts";
import { gmContours, spotLabels } from "./plane-figure.ts";
import { reportDocument, reportFigures } from "./report-document.ts";

const htmlOf = (of: ReportContent): string => renderPage(reportDocument(of), "report");
const markdownOf = (of: ReportContent): string => renderMarkdown(reportDocument(of));
const content = hostileContent();
const html = htmlOf(content);
const page = parseHTML(html).document;
const all = (selector: string): readonly { textContent: string | null; getAttribute(name: string): string | null }[] => [
  ...page.querySelectorAll(selector),
];

describe("HTML report", () => {
  test("names, captions, credits and configuration are text, never markup", () => {
    expect(html).not.toContain("<img src=x");
    expect(html).not.toContain("</script");
    expect(all("script, iframe, object, embed, link, base, form")).toEqual([]);
    expect(all("img").map((image) => image.getAttribute("alt"))).toEqual([hostile]);
    expect(page.querySelector("h1")?.textContent).toBe(content.run.name);
    expect(all(".credit")[0]?.textContent).toBe(`drawn by ${hostile}`);
    expect(all("th[scope=row]").map(({ textContent }) => textContent)).toContain(hostile);
    for (const element of page.querySelectorAll("*"))
      expect([...element.attributes].map(({ name }) => name).filter((name) => name.startsWith("on"))).toEqual([]);
  });
  test("a policy forbids everything but its style and pictures inside it, and nothing points outside", () => {
    expect(page.querySelector("meta[http-equiv=Content-Security-Policy]")?.getAttribute("content")).toBe(contentPolicy);
    expect(contentPolicy).toContain("default-src 'none'");
    const addresses = all("[href], [src]").map((element) => element.getAttribute("href") ?? element.getAttribute("src") ?? "");
    expect(addresses.filter((address) => !/^#|^data:image\/png;base64,/.test(address))).toEqual([]);
    expect(html).not.toMatch(/url\(|@import/);
  });
  test("holds no path of the machine", () => {
    for (const text of [html, markdownOf(content), ...renderFigures(reportDocument(content)).values()]) {
      expect(text).not.toContain("somebody");
      expect(text).not.toContain("/data/deep");
    }
    expect(html).toContain("…/start.safetensors");
  });
  test("headings descend one level at a time, and every link leads somewhere", () => {
    const levels = all("h1, h2, h3").map((heading) => Number((heading as unknown as { tagName: string }).tagName.slice(1)));
    expect(levels[0]).toBe(1);
    expect(levels.filter((level) => level === 1)).toEqual([1]);
    expect(levels.filter((level, i) => level > (levels[i - 1] ?? 0) + 1)).toEqual([]);
    const ids = all("[id]").map((element) => element.getAttribute("id"));
    expect(new Set(ids).size).toBe(ids.length);
    for (const link of all("a")) expect(ids).toContain(link.getAttribute("href")?.slice(1));
  });
  test("every figure is a picture with a name, a sentence and a table", () => {
    const figures = reportFigures(content);
    expect(figures.map(({ id }) => id)).toEqual(["scores", "plane", "matrix", "loss", "learning-rate"]);
    for (const { id, reading, table } of figures) {
      const section = page.querySelector(`#${id}`);
      expect(section?.querySelector("svg[role=img]")?.getAttribute("aria-label")?.length).toBeGreaterThan(20);
      expect(section?.querySelector(".reading")?.textContent).toBe(reading);
      expect(section?.querySelectorAll("tbody tr").length).toBe(table.rows.length);
    }
  });
  test("the same content gives the same bytes", () => {
    expect(htmlOf(hostileContent())).toBe(html);
  });
});

describe("what a report says", () => {
  const summary = (given: ReportContent): string =>
    reportDocument(given).sections[0]?.parts.flatMap((part) => (part.kind === "text" ? [part.text] : []))[0] ?? "";
  test("rise and fall come from the numbers; without paired outcomes intervals are compared", () => {
    expect(summary(content)).toBe(
      "Knowledge rose by 31.2 points (40.0 → 71.2 %) while zero-shot retention fell by 2.1 points (60.1 → 58.0 %). " +
        "In knowledge the last interval lies above the first. In retention the last interval overlaps the first: no evidence of a loss.",
    );
  });
  test("with paired outcomes their interval decides", () => {
    const changes = { ka: { value: 0.312, interval: [0.28, 0.34] }, zs: { value: -0.021, interval: [-0.03, -0.01] } } as const;
    expect(summary({ ...content, changes })).toMatch(
      /The gain in knowledge is clear \(95 %: \+28\.0 to \+34\.0 points.*The loss in retention is clear \(95 %: −3\.0 to −1\.0/,
    );
    const straddling = { zs: { value: -0.021, interval: [-0.05, 0.01] } } as const;
    expect(summary({ ...content, changes: straddling })).toContain("No evidence that retention changed (95 %: −5.0 to +1.0");
  });
  test("the matrix tells streamed, not streamed and held-out sets apart", () => {
    const matrix = reportFigures(content).find(({ id }) => id === "matrix");
    expect(matrix?.table.rows).toEqual([
      ["animals", "streamed", "acc1", "50.0", "75.0", "81.2"],
      [hostile, "streamed", "acc1", "30.0", "55.0", "61.2"],
      ["unused", "not streamed", "acc1", "20.0", "20.0", "20.0"],
      ["photos", "held out", "acc1", "60.1", "59.0", "58.0"],
    ]);
    expect(matrix?.reading).toContain("of 2 streamed sets 2 rose and 0 fell, animals the most (+31.2)");
  });
  test("the plane's table holds changes since the start", () => {
    const plane = reportFigures(content).find(({ id }) => id === "plane");
    expect(plane?.table.rows.map((row) => row.slice(3))).toEqual([
      ["49.0", undefined, undefined],
      ["61.9", "−1.1", "+25.0"],
      ["64.3", "−2.1", "+31.2"],
    ]);
  });
  test("a run that scored nothing has no figures of scores and says so", () => {
    const view = viewOf([], { hash: "0", tasks: content.plan.tasks });
    const bare = { ...content, view };
    expect(reportFigures(bare)).toEqual([]);
    expect(summary(bare)).toBe("0 of 40 steps were made on 2 tasks; no data set was scored.");
    expect(htmlOf(bare)).toContain("Not begun: 2 of 2 tasks.");
    expect(markdownOf(bare)).not.toContain("figures/");
  });
  test("one evaluation alone allows no word of change", () => {
    const view = { ...content.view, evaluations: content.view.evaluations.slice(0, 1) };
    expect(summary({ ...content, view })).toContain("nothing can be said of change");
    expect(htmlOf({ ...content, view })).toContain("</html>");
  });
  test("a configuration that cannot be read leaves its facts out and is shown all the same", () => {
    const text = htmlOf({ ...content, config: "optim: {lr: fast}\n" });
    expect(text).toContain("{lr: fast}");
    expect(text).not.toContain("mixture of a batch");
  });
});

describe("Markdown report", () => {
  const text = markdownOf(content);
  test("names are text", () => {
    expect(text.replace(/```[\s\S]*?```/g, "")).not.toMatch(/<img|<\/script/);
    expect(text.split("\n")[0]).toContain("&lt;/script&gt;");
  });
  test("names every figure's file and leaves embedded pictures to the HTML", () => {
    const named = [...text.matchAll(/\]\(figures\/([^)]+)\)/g)].map(([, name]) => name);
    expect(named).toEqual([...renderFigures(reportDocument(content)).keys()]);
    expect(text).not.toContain("data:image");
  });
  test("a configuration with a fence in it does not end the block", () => {
    const block = markdownOf({ ...content, config: "name: x\n```\n# not a heading\n" });
    expect(block).toContain("````\nname: x\n```\n# not a heading\n````");
  });
});

describe("figures", () => {
  test("files are well-formed XML without references to a page's style", async () => {
    const { default: sharp } = await import("sharp");
    for (const [name, svg] of renderFigures(reportDocument(content))) {
      expect(svg, name).not.toMatch(/var\(|currentColor/);
      const { width, height } = await sharp(Buffer.from(svg)).metadata();
      expect(Math.min(width, height), name).toBeGreaterThan(150);
    }
  });
  test("contours keep their geometric mean and stay inside the frame", () => {
    const contours = gmContours([40, 60], [10, 70]);
    expect(contours.length).toBeGreaterThan(2);
    for (const { level, path } of contours)
      for (const [zs, ka] of path) {
        expect(Math.sqrt(zs * ka)).toBeCloseTo(level, 9);
        expect(zs >= 40 - 1e-9 && zs <= 60 + 1e-9 && ka >= 10 - 1e-9 && ka <= 70 + 1e-9).toBe(true);
      }
  });
  test("spots that lie on each other share a label, so that none is written over another", () => {
    const spots = [
      { task: -1, zs: 50, ka: 33 },
      { task: 0, zs: 50, ka: 33 },
      { task: 1, zs: 58, ka: 66 },
      { task: 2, zs: 50.2, ka: 33.5 },
    ];
    expect(spotLabels(spots, [40, 60], [0, 100])).toEqual([
      { zs: 50, ka: 33, text: "start, 1, 3" },
      { zs: 58, ka: 66, text: "2" },
    ]);
  });
  test("thinning keeps extremes and means", () => {
    const curve = Array.from({ length: 1000 }, (_, i) => [i + 1, i === 500 ? 99 : 1] as const);
    const buckets = thin(curve, 100);
    expect(buckets.length).toBe(100);
    expect(Math.max(...buckets.map(({ high }) => high))).toBe(99);
    expect(buckets[50]?.mean).toBeCloseTo(10.8, 12);
    expect(thin([[7, 3]], 100)).toEqual([{ step: 7, mean: 3, low: 3, high: 3 }]);
  });
  test("text has a contrast of 4.5 on light and dark paper", () => {
    for (const mode of ["light", "dark"] as const)
      for (const role of ["ink", "quiet", "knowledge", "zero-shot", "mean"] as const)
        for (const paper of ["paper", "band"] as const)
          expect(contrast(palette[role][mode], palette[paper][mode]), `${role} on ${mode} ${paper}`).toBeGreaterThanOrEqual(4.5);
    expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 9);
  });
});

describe("paths", () => {
  test.each([
    [`init: ${machinePath}`, "init: …/start.safetensors"],
    ["wds:/data/{00..09}.tar", "wds:…/{00..09}.tar"],
    ["file:///srv/a/b.txt", "…/b.txt"],
    ["C:\\Users\\me\\model.bin", "…/model.bin"],
    ["https://example.org/a/b", "https://example.org/a/b"],
    ["task 1/3, KA / ZS", "task 1/3, KA / ZS"],
    ["./photos/cat.jpg", "./photos/cat.jpg"],
    ["hf://org/model", "hf://org/model"],
  ])("%s becomes %s", (given, expected) => {
    expect(withoutPaths(given)).toBe(expected);
  });
  test("a known folder with blanks in it is cut too", () => {
    expect(withoutPaths("from /my own disk/sets here", ["/my own disk/sets"])).toBe("from …/sets here");
  });
});
