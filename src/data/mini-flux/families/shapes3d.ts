import { classNamesOf, type Family, type PlannedRecord } from "../planned.ts";
import { paintScene, type Scene, type SolidShape, solidShapes } from "../ray-caster.ts";

/** Hues that stay apart under light and shade. */
const sceneColours: Readonly<Record<string, readonly [number, number, number]>> = {
  red: [220, 40, 40],
  orange: [240, 140, 30],
  yellow: [240, 220, 50],
  green: [50, 170, 60],
  cyan: [60, 210, 220],
  blue: [50, 80, 220],
  purple: [130, 50, 180],
  pink: [245, 140, 190],
};
const perClass = { train: 22, test: 8 };

/** A solid in a room: 3D Shapes' factors, drawn by a small ray caster; the classes are colour and shape of the solid. */
export const shapes3dFamily: Family = (_packages, random) => {
  const draws = random.at("mini-flux/shapes3d");
  const colours = Object.keys(sceneColours);
  const colour = (name: string) => sceneColours[name] ?? ([0, 0, 0] as const);
  const any = (): string => colours[draws.below(colours.length)] ?? "red";
  const record = (shape: SolidShape, name: string, i: number): PlannedRecord => {
    const [floor, wall] = [any(), any()];
    const scene: Scene = {
      shape,
      size: 0.65 + draws.below(8) / 20,
      turn: ((draws.below(15) - 7) / 7) * (Math.PI / 6),
      solid: colour(name),
      floor: colour(floor),
      wall: colour(wall),
    };
    const className = `${name} ${shape}`;
    const full = `${className} on a ${floor} floor with a ${wall} wall`.replaceAll(" a orange", " an orange");
    const article = name === "orange" ? "an" : "a";
    return {
      key: `${className.replace(" ", "-")}/${String(i).padStart(2, "0")}`,
      className,
      split: i < perClass.train ? "train" : "test",
      captions: [`${article} ${full}`, `${article} ${className}`, `A photo of a synthetic ${full}.`],
      year: 2018,
      source: "shapes3d",
      file: `computed#shapes3d/${className.replace(" ", "-")}/${i}`,
      paint: () => paintScene(scene),
    };
  };
  const records = solidShapes.flatMap((shape) =>
    colours.flatMap((name) => Array.from({ length: perClass.train + perClass.test }, (_, i) => record(shape, name, i))),
  );
  const summary = "a cube, a cylinder, a sphere or a capsule in a room, eight colours each for solid, floor and wall";
  const templates = ["a {}", "A photo of a synthetic {}.", "{}"];
  return [{ name: "shapes3d", role: "adapt", task: "classification", summary, classNames: classNamesOf(records), templates, records }];
};
