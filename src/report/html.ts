import type { SamplePicture } from "./content.ts";
import { type Figure, standalone } from "./drawing.ts";
import { escapeLines, escapeMarkup } from "./markup.ts";
import { figuresOf, type Part, type ReportDocument, type Section } from "./report-document.ts";
import { pageStyle } from "./style.ts";
import { type Cell, show, type Table } from "./table.ts";

/** Nothing but the page's own style and pictures inside it: no script, no request. */
export const contentPolicy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** A document as one file that needs nothing else; `kind` is what a reader is told it is. */
export function renderPage({ title, subtitle, sections }: ReportDocument, kind: "report" | "stream"): string {
  const links = sections.map(({ id, title: name }) => `<li><a href="#${id}">${escapeMarkup(name)}</a></li>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${contentPolicy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escapeMarkup(title)} – Evergreen ${kind}</title>
<style>${pageStyle()}</style>
</head>
<body>
<a class="skip" href="#${kind}">Skip to the ${kind}</a>
<header><h1>${escapeMarkup(title)}</h1><p>${escapeMarkup(subtitle)}</p></header>
<nav aria-label="Sections"><ul>${links.join("")}</ul></nav>
<main id="${kind}" tabindex="-1">
${sections.map(sectionHtml).join("\n")}
</main>
<footer><p>Made by Evergreen. This file opens nothing else and sends nothing.</p></footer>
</body>
</html>
`;
}

/** SVG files by name, for the folder `figures`. */
export function renderFigures(document: ReportDocument): ReadonlyMap<string, string> {
  return new Map(figuresOf(document).map(({ id, svg }) => [`${id}.svg`, standalone(svg)]));
}

function sectionHtml({ id, title, parts }: Section): string {
  return `<section id="${id}" aria-labelledby="${id}-title">\n<h2 id="${id}-title">${escapeMarkup(title)}</h2>\n${parts.map(partHtml).join("\n")}\n</section>`;
}

function partHtml(part: Part): string {
  switch (part.kind) {
    case "text":
      return `<p>${escapeMarkup(part.text)}</p>`;
    case "list":
      return `<ul>${part.items.map((item) => `<li>${escapeMarkup(item)}</li>`).join("")}</ul>`;
    case "table":
      return tableHtml(part.table, part.caption);
    case "code":
      return `<h3>${escapeMarkup(part.name)}</h3>\n${scrolling(part.name, `<pre><code>${escapeLines(part.text.trimEnd())}</code></pre>`)}`;
    case "figure":
      return figureHtml(part.figure);
    case "pictures":
      return `<h3>${escapeMarkup(part.title)}</h3>\n<ul class="pictures">${part.pictures.map(pictureHtml).join("")}</ul>`;
    default:
      return part satisfies never;
  }
}

function figureHtml({ title, legend, reading, table, svg }: Figure): string {
  return [
    `<p class="reading">${escapeMarkup(reading)}</p>`,
    `<figure>\n${scrolling(`${title}, figure`, svg)}\n<figcaption>${escapeMarkup(legend)}</figcaption>\n</figure>`,
    tableHtml(table, `${title}: the numbers`),
  ].join("\n");
}

function tableHtml({ columns, rows }: Table, caption: string): string {
  const side = (c: number): string => (columns[c]?.align === "right" ? ' class="n"' : "");
  // Names break at their hyphens; short ones need not.
  const whole = (c: number, value: Cell): string => side(c) || (show(value).length <= 24 ? ' class="w"' : "");
  const head = columns.map(({ title }, c) => `<th scope="col"${side(c)}>${escapeMarkup(title)}</th>`).join("");
  const body = rows.map((row) => {
    const cells = columns.map((_, c) =>
      c === 0 ? `<th scope="row"${whole(c, row[c])}>${cell(row[c])}</th>` : `<td${whole(c, row[c])}>${cell(row[c])}</td>`,
    );
    return `<tr>${cells.join("")}</tr>`;
  });
  const table = `<table>\n<caption>${escapeMarkup(caption)}</caption>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body.join("\n")}\n</tbody>\n</table>`;
  return scrolling(caption, table);
}

const cell = (value: Cell): string => escapeMarkup(show(value));

/** A box that scrolls by itself when what is in it is wider than the page; by keyboard too. */
function scrolling(name: string, inner: string): string {
  return `<div class="scroll" tabindex="0" role="group" aria-label="${escapeMarkup(name)}">${inner}</div>`;
}

function pictureHtml({ address, caption, credit }: SamplePicture): string {
  return `<li><img src="${address}" alt="${escapeMarkup(caption)}" width="64" height="64"><p>${escapeMarkup(caption)}</p><p class="credit">${escapeMarkup(credit)}</p></li>`;
}
