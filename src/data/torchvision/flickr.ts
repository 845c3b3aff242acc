import { DataError } from "../data-error.ts";
import type { Captions } from "./caption-set.ts";
import { textOf } from "./found-set.ts";

/** Flickr30k's captions, as torchvision's Flickr30k gives them: `1000092795.jpg#0`, a tab and a sentence a line. @throws {DataError} naming a line that is none. */
export function flickrCaptions(path: string): Captions {
  const byPicture = new Map<string, string[]>();
  textOf(path)
    .split(/\r?\n/)
    .forEach((line, i) => {
      if (line.trim() === "") return;
      const [, picture, text] = /^([^/\\\t]+)#\d\t([^\t]+)$/.exec(line.trim()) ?? [];
      if (picture === undefined || text === undefined)
        throw new DataError(
          `${path}: line ${i + 1}: expected PICTURE#NUMBER, a tab and a caption, got ${JSON.stringify(line.slice(0, 80))}`,
          {
            place: { file: path, line: i + 1 },
            fix: "fetch the file again",
          },
        );
      const known = byPicture.get(picture);
      if (known) known.push(text);
      else byPicture.set(picture, [text]);
    });
  return byPicture;
}
