import { withArticle } from "../captions.ts";
import { classNamesOf, type Family, type PlannedRecord, pictureBytes, side } from "../planned.ts";

/** Where and how a sprite lies: pixels and radians. */
export interface Sprite {
  readonly shape: SpriteShape;
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly angle: number;
}
const spriteShapes = ["square", "ellipse", "heart"] as const;
type SpriteShape = (typeof spriteShapes)[number];

const rows = ["top", "center", "bottom"] as const;
const columns = ["left", "center", "right"] as const;
const perClass = { train: 30, test: 10 };
const sizes = ["small", "medium", "large"] as const;

/** `top left`, `top center`, `center`: the nine places. */
export function placeName(row: number, column: number): string {
  const [vertical, horizontal] = [rows[row], columns[column]];
  return vertical === horizontal ? "center" : `${vertical} ${horizontal}`;
}

/** A white shape on black in one of nine places: dSprites' classes as FoMo-in-Flux names them (`square located in the top left`). */
export const dspritesFamily: Family = (_packages, random) => {
  const draws = random.at("mini-flux/dsprites");
  const records: PlannedRecord[] = [];
  for (const shape of spriteShapes)
    for (let place = 0; place < 9; place++) {
      const where = placeName(Math.floor(place / 3), place % 3);
      const className = `${shape} located in the ${where}`;
      for (let i = 0; i < perClass.train + perClass.test; i++) {
        const size = draws.below(3);
        const radius = 5 + size * 2 + draws.uniform();
        const sprite: Sprite = {
          shape,
          x: inside((place % 3) * 21 + 11 + (draws.uniform() - 0.5) * 10, radius),
          y: inside(Math.floor(place / 3) * 21 + 11 + (draws.uniform() - 0.5) * 10, radius),
          radius,
          angle: (draws.below(40) / 40) * 2 * Math.PI,
        };
        const white = `white ${shape} located in the ${where}`;
        records.push({
          key: `${className.replaceAll(" ", "-")}/${String(i).padStart(2, "0")}`,
          className,
          split: i < perClass.train ? "train" : "test",
          captions: [`a ${white}`, `A black-and-white photo of ${withArticle(className)}.`, `a ${sizes[size]} ${white}`],
          year: 2017,
          source: "dsprites",
          file: `computed#dsprites/${className.replaceAll(" ", "-")}/${i}`,
          paint: () => paintSprite(sprite),
        });
      }
    }
  const summary = "a square, an ellipse or a heart in one of nine places";
  const templates = ["a white {}", "A black-and-white photo of a {}.", "{}"];
  return [{ name: "dsprites", role: "adapt", task: "classification", summary, classNames: classNamesOf(records), templates, records }];
};

/** A sprite is never cut by the border; the widest, a turned square, reaches 1.42 radii. */
function inside(centre: number, radius: number): number {
  const reach = radius * 1.42 + 1;
  return Math.min(side - reach, Math.max(reach, centre));
}

/** White on black with 16 samples a pixel. */
export function paintSprite({ shape, x, y, radius, angle }: Sprite): Uint8Array {
  const pixels = new Uint8Array(pictureBytes);
  const [cos, sin] = [Math.cos(angle) / radius, Math.sin(angle) / radius];
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++) {
      let covered = 0;
      for (let sample = 0; sample < 16; sample++) {
        const dx = column + ((sample % 4) + 0.5) / 4 - x;
        const dy = row + (Math.floor(sample / 4) + 0.5) / 4 - y;
        if (covers[shape](cos * dx + sin * dy, cos * dy - sin * dx)) covered++;
      }
      pixels.fill(Math.round((covered / 16) * 255), (row * side + column) * 3, (row * side + column) * 3 + 3);
    }
  return pixels;
}

/** Whether a point lies in the shape of radius 1; y points down. */
const covers: Readonly<Record<SpriteShape, (x: number, y: number) => boolean>> = {
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) <= 1,
  ellipse: (x, y) => x * x + 4 * y * y <= 1.6,
  heart: (x, y) => {
    const [u, v] = [1.15 * x, 0.15 - 1.15 * y];
    const circle = u * u + v * v - 1;
    return circle * circle * circle - u * u * v * v * v <= 0;
  },
};
