import { z } from "zod";
import { filesOf, namesake, namesFiles } from "../file-lists.ts";
import { indexedSource, settled } from "../indexed-source.ts";
import type { SourceDefinition } from "../source.ts";
import { commonOptions } from "../source-options.ts";
import { tarSamplesIn } from "../tar-samples.ts";

const options = z.strictObject({
  ...commonOptions,
  classNames: z.array(z.string()).optional().describe("class names, where the archives hold class numbers (.cls)"),
});
const tar = /\.tar$/i;

const webdataset: SourceDefinition<typeof options> = {
  summary:
    "Tar archives of samples: files of one key are one sample (.jpg, .png, .webp; .txt, .json, .cls). Brace lists name many archives.",
  source: "the WebDataset format; captions in .txt as OpenCLIP reads them",
  options,
  recognises: (path) => namesFiles(path, tar),
  async open(given) {
    const { samples, leftOut } = tarSamplesIn(filesOf(given.path, tar), given);
    const { role, templates } = given;
    return [indexedSource({ name: given.name ?? namesake(given.path), role, templates, samples: settled(samples), leftOut })];
  },
};
export default webdataset;
