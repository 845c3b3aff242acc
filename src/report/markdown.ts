import type { Part, ReportDocument } from "./report-document.ts";
import { escapeMarkdown, markdownTable } from "./table.ts";

/** The report as GitHub's Markdown; figures are files in `figures/`. Pictures of samples are in the HTML alone. */
export function renderMarkdown({ title, subtitle, sections }: ReportDocument): string {
  const parts = sections
    .filter(({ id }) => id !== "samples")
    .flatMap((section) => [`## ${escapeMarkdown(section.title)}`, ...section.parts.map(partMarkdown)]);
  return `${[`# ${escapeMarkdown(title)}`, escapeMarkdown(subtitle), ...parts].filter((part) => part !== "").join("\n\n")}\n`;
}

function partMarkdown(part: Part): string {
  switch (part.kind) {
    case "text":
      return escapeMarkdown(part.text);
    case "list":
      return part.items.map((item) => `- ${escapeMarkdown(item)}`).join("\n");
    case "table":
      return `${escapeMarkdown(part.caption)}:\n\n${markdownTable(part.table)}`;
    case "code":
      return `${escapeMarkdown(part.name)}:\n\n${fenced(part.text)}`;
    case "figure": {
      const { id, title, legend, reading, table } = part.figure;
      return [`![${escapeMarkdown(title)}](figures/${id}.svg)`, escapeMarkdown(reading), escapeMarkdown(legend), markdownTable(table)].join(
        "\n\n",
      );
    }
    case "pictures":
      return "";
    default:
      return part satisfies never;
  }
}

/** A block that its own text cannot end. */
function fenced(text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${text.trimEnd()}\n${fence}`;
}
