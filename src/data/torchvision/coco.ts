import { z } from "zod";
import { DataError } from "../data-error.ts";
import type { Captions } from "./caption-set.ts";
import { jsonIn, plainName } from "./json-file.ts";

const captionFile = z.object({
  images: z.array(z.object({ id: z.int(), file_name: plainName })),
  annotations: z.array(z.object({ image_id: z.int(), caption: z.string() })),
});

/** COCO's captions of a part, as torchvision's CocoCaptions gives them. @throws {DataError} for a caption of a picture that the file does not list. */
export function cocoCaptions(path: string): Captions {
  const { images, annotations } = jsonIn(path, captionFile);
  const byId = new Map(images.map(({ id, file_name }) => [id, { name: file_name, texts: [] as string[] }]));
  annotations.forEach(({ image_id, caption }, i) => {
    const image = byId.get(image_id);
    if (!image) throw new DataError(`${path}: annotations → ${i}: image_id ${image_id} is none of its pictures`);
    image.texts.push(caption);
  });
  return new Map([...byId.values()].map(({ name, texts }) => [name, texts]));
}
