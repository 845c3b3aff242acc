import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { renderFigures, renderPage } from "../report/html.ts";
import { renderMarkdown } from "../report/markdown.ts";
import { reportDocument } from "../report/report-document.ts";
import type { RunReader } from "../runs/run-reader.ts";
import { OutputError, writeOutput } from "./output-file.ts";
import { reportContent } from "./report-content.ts";

/** Files of a report. */
export interface WrittenReport {
  readonly html: string;
  readonly markdown: string;
  readonly figures: readonly string[];
}

/** Writes `report.html`, `README.md` and `figures/*.svg` into the run's folder. @throws {OutputError} */
export async function writeReport(reader: RunReader): Promise<WrittenReport> {
  const document = reportDocument(await reportContent(reader));
  const folder = join(reader.folder, "figures");
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new OutputError(folder, error as NodeJS.ErrnoException);
  }
  const figures = [...renderFigures(document)].map(([name, svg]) => ({ path: join(folder, name), text: svg }));
  const html = { path: join(reader.folder, "report.html"), text: renderPage(document, "report") };
  const markdown = { path: join(reader.folder, "README.md"), text: renderMarkdown(document) };
  for (const { path, text } of [...figures, markdown, html]) writeOutput(path, [text]);
  return { html: html.path, markdown: markdown.path, figures: figures.map(({ path }) => path) };
}

/** Writes the HTML report alone to a file; with the ending `.md`, the Markdown. @throws {OutputError} */
export async function writeReportTo(reader: RunReader, file: string): Promise<void> {
  const document = reportDocument(await reportContent(reader));
  writeOutput(file, [/\.(md|markdown)$/i.test(file) ? renderMarkdown(document) : renderPage(document, "report")]);
}
