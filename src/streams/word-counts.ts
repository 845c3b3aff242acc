/** Words of a text: letters and digits, in lower case. */
function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

/**
 * How often each name occurs in the texts as whole words beside each other, whatever the letter case and the marks between them. A name without letters counts 0.
 */
export function nameCounts(names: readonly string[], texts: Iterable<string>): readonly number[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(wordsOf(name).join(" "), 0);
  const lengths = [...new Set([...counts.keys()].map((key) => key.split(" ").length))];
  for (const text of texts) {
    const words = wordsOf(text);
    for (const length of lengths)
      for (let from = 0; from + length <= words.length; from++) {
        const key = words.slice(from, from + length).join(" ");
        const count = counts.get(key);
        if (count !== undefined) counts.set(key, count + 1);
      }
  }
  return names.map((name) => counts.get(wordsOf(name).join(" ")) ?? 0);
}
