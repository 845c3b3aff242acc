import { oneLine } from "./table.ts";

const signs: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text for HTML and XML, between tags and in quoted attributes; on one line. */
export function escapeMarkup(text: string): string {
  return escapeSigns(oneLine(text));
}

/** The same with its line ends, for preformatted text. */
export function escapeLines(text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map(escapeMarkup)
    .join("\n");
}

function escapeSigns(text: string): string {
  // Lone surrogates are no characters: neither HTML nor XML may hold them.
  return text.replace(/\p{Cs}/gu, "\ufffd").replace(/[&<>"']/g, (sign) => signs[sign] ?? sign);
}
