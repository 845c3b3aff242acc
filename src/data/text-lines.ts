/** Lines of a text that are not empty, without the blanks around them. */
export function linesIn(text: string): readonly string[] {
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  return lines.map((line) => line.trim()).filter((line) => line !== "");
}
