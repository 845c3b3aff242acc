import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderPage } from "../../src/report/html.ts";
import { reportDocument } from "../../src/report/report-document.ts";
import { streamDocument } from "../../src/report/stream-document.ts";
import { hostile, hostileContent } from "../fixtures/report/content.ts";
import { hostileStream } from "../fixtures/report/stream-content.ts";

const places = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = places.find((path) => path && existsSync(path));
const args =
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";
const modes = [
  { name: "light", width: 1280, colorScheme: "light", media: "screen" },
  { name: "dark", width: 1280, colorScheme: "dark", media: "screen" },
  { name: "narrow", width: 320, colorScheme: "light", media: "screen" },
  { name: "print", width: 720, colorScheme: "light", media: "print" },
] as const;

if (!executablePath) console.warn("report in a browser: skipped, no Chromium found; install one or name it in CHROMIUM");

const pages = [
  {
    what: "report",
    html: () => renderPage(reportDocument(hostileContent()), "report"),
    images: 1,
    line: '#scores [stroke="var(--knowledge)"]',
    passes: 15,
  },
  { what: "stream", html: () => renderPage(streamDocument(hostileStream), "stream"), images: 1, line: undefined, passes: 15 },
];

describe.skipIf(!executablePath).each(pages)("$what in Chromium (skipped where none is installed: CHROMIUM=/path names one)", (of) => {
  const folder = mkdtempSync(join(tmpdir(), "report-"));
  const file = join(folder, "report.html");
  const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  let browser: Browser;
  beforeAll(async () => {
    writeFileSync(file, of.html());
    browser = await chromium.launch({ ...(executablePath ? { executablePath } : {}), headless: true, args: args.split(" ") });
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true });
  });

  /** The report, opened, with what it asked for and complained of. */
  async function open({ width, colorScheme, media }: (typeof modes)[number]): Promise<{ page: Page; heard: string[] }> {
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme, bypassCSP: false });
    const page = await context.newPage();
    const heard: string[] = [];
    page.on(
      "request",
      (request) => request.url().startsWith("file:") || request.url().startsWith("data:") || heard.push(`asked for ${request.url()}`),
    );
    page.on("console", (message) => heard.push(message.text()));
    page.on("pageerror", (error) => heard.push(error.message));
    page.on("dialog", (dialog) => {
      heard.push(`dialog ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.emulateMedia({ media, colorScheme });
    await page.goto(pathToFileURL(file).href);
    return { page, heard };
  }

  test.each(modes)("axe finds nothing, $name", async (mode) => {
    const { page, heard } = await open(mode);
    // Through the debugger: the page's policy lets no script in.
    await page.evaluate(axe);
    const found = await page.evaluate(async () => {
      const run = (
        globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[]; passes: unknown[] }> } }
      ).axe.run;
      const { violations, passes } = await run();
      return {
        violations: violations.map(
          ({ id, nodes }) =>
            `${id}: ${nodes
              .map(({ html }) => html)
              .slice(0, 3)
              .join(" ")}`,
        ),
        passes: passes.length,
      };
    });
    expect(found.violations).toEqual([]);
    expect(found.passes).toBeGreaterThan(of.passes);
    expect(heard).toEqual([]);
    await page.context().close();
  });

  test.each(modes)("nothing runs, nothing is fetched and the page is never wider than its window, $name", async (mode) => {
    const { page, heard } = await open(mode);
    const facts = await page.evaluate(() => {
      const doc = (
        globalThis as unknown as {
          document: {
            documentElement: { scrollWidth: number };
            querySelectorAll(s: string): ArrayLike<unknown>;
            body: { textContent: string };
          };
        }
      ).document;
      return {
        width: doc.documentElement.scrollWidth,
        images: doc.querySelectorAll("img").length,
        scripts: doc.querySelectorAll("script").length,
        text: doc.body.textContent,
      };
    });
    expect(facts.width).toBeLessThanOrEqual(mode.width);
    expect([facts.images, facts.scripts]).toEqual([of.images, 0]);
    expect(facts.text).toContain(hostile);
    expect(heard).toEqual([]);
    await page.context().close();
  });

  test.skipIf(of.line === undefined)("the dark page is dark and its figures' lines follow", async () => {
    const { page } = await open(modes[1]);
    const colours = await page.evaluate(() => {
      const { document, getComputedStyle } = globalThis as unknown as {
        document: { body: object; querySelector(s: string): object };
        getComputedStyle(e: object): { backgroundColor: string; stroke: string };
      };
      return [
        getComputedStyle(document.body).backgroundColor,
        getComputedStyle(document.querySelector('#scores [stroke="var(--knowledge)"]')).stroke,
      ];
    });
    expect(colours).toEqual(["rgb(20, 23, 28)", "rgb(92, 184, 240)"]);
    await page.context().close();
  });
});
