import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { DataError } from "../data-error.ts";
import type { Split } from "../source.ts";
import { fileItem, type LayoutReader, labelled, linesOf, type NamedItem } from "./found-set.ts";
import { jsonIn } from "./json-file.ts";

/** Text files that name pictures and their classes, a line each. */
export interface ListLayout {
  /** Files of each part, below the root. */
  readonly lists: Readonly<Record<Split, readonly string[]>>;
  /** Folder of pictures of each part; the first of several that is there. */
  readonly images: Readonly<Record<Split, readonly string[]>>;
  /** What a line says: the picture below its folder, and its class by name or by place in `names`. */
  readonly line: (line: string) => { readonly picture: string; readonly className?: string; readonly label?: number } | undefined;
  /** A file with the classes in label order, and how a line of it gives a name. */
  readonly names?: { readonly file: string; readonly line: (line: string) => string };
}

/** Reads such lists. */
export function lists({ lists: files, images, line, names }: ListLayout): LayoutReader {
  return (root) => {
    const classNames = names && linesOf(join(root, names.file)).map(names.line);
    const items = (["train", "test"] as const).flatMap((split) => {
      const folder = images[split].find((each) => existsSync(join(root, each))) ?? images[split][0] ?? "";
      return files[split].flatMap((file) =>
        linesOf(join(root, file)).map((text): NamedItem => {
          const said = line(text);
          const className = said?.className ?? (said?.label === undefined ? undefined : classNames?.[said.label]);
          if (!said || className === undefined || /(^|[/\\])\.\.([/\\]|$)/.test(said.picture))
            throw new DataError(`${join(root, file)}: "${text}" does not name a picture and a class`);
          return { ...fileItem(root, `${folder}/${said.picture}`), className, split };
        }),
      );
    });
    return labelled(items, classNames);
  };
}

const byClass = z.record(z.string(), z.array(z.string().regex(/^(?!.*\.\.)[^\\]+$/, "expected a picture below its folder")));

/** JSON files, one a part, that list the pictures of each class without their ending. */
export function jsonLists(files: Readonly<Record<Split, string>>, images: string, nameOf: (key: string) => string): LayoutReader {
  return (root) =>
    labelled(
      (["train", "test"] as const).flatMap((split) =>
        Object.entries(jsonIn(join(root, files[split]), byClass)).flatMap(([key, pictures]) =>
          pictures.map((picture) => ({ ...fileItem(root, `${images}/${picture}.jpg`), className: nameOf(key), split })),
        ),
      ),
    );
}
