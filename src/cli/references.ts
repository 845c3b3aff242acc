/**
 * References of a flag that takes several: `mini-flux:eval,folder:./photos`. A comma parts two of them where a scheme or a path follows it, so that
 * `mini-flux:emoji-2018,emoji-2019` stays one; commas inside braces (`wds:{00,01}.tar`) never do.
 */
export function splitReferences(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => {
    const parts: string[] = [];
    let depth = 0;
    let from = 0;
    for (let at = 0; at < text.length; at++) {
      if (text[at] === "{") depth++;
      else if (text[at] === "}") depth--;
      else if (text[at] === "," && depth === 0 && starts(text, text.slice(from, at), at + 1)) {
        parts.push(text.slice(from, at));
        from = at + 1;
      }
    }
    return [...parts, text.slice(from)].map((part) => part.trim()).filter((part) => part !== "");
  });
}

function starts(text: string, before: string, at: number): boolean {
  return /^\s*([a-z][a-z0-9-]+:|\.{0,2}[/\\]|~|[A-Za-z]:[/\\])/.test(text.slice(at)) || !/^\s*[a-z][a-z0-9-]+:/.test(before);
}
