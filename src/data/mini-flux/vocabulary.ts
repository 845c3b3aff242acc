import { readManifest, readSet } from "./stored.ts";

/**
 * The token ids that captions and filled templates of the built data use, ascending: a model that keeps only these rows of its
 * token embedding reads the same texts. `tokenize` gives a text's ids; ids that it adds (start, end) are in the result.
 */
export function miniFluxVocabulary(folder: string, tokenize: (text: string) => Iterable<number>): number[] {
  const texts = new Set<string>();
  for (const { name } of readManifest(folder).sets) {
    const set = readSet(folder, name);
    for (const record of set.records) for (const caption of record.captions) texts.add(caption);
    for (const template of set.templates) for (const className of set.classNames) texts.add(template.replaceAll("{}", className));
  }
  const ids = new Set<number>();
  for (const text of texts) for (const id of tokenize(text)) ids.add(id);
  return [...ids].sort((a, b) => a - b);
}
