import { pictureBytes, side } from "./planned.ts";

type Vector = readonly [number, number, number];
type Colour = readonly [number, number, number];

export const solidShapes = ["cube", "cylinder", "sphere", "capsule"] as const;
export type SolidShape = (typeof solidShapes)[number];

/** A solid that stands in the middle of a square room, looked at from inside it. */
export interface Scene {
  readonly shape: SolidShape;
  /** Half the solid's width; a room is 8 wide. */
  readonly size: number;
  /** How far the camera went round the solid, in radians. */
  readonly turn: number;
  readonly solid: Colour;
  readonly floor: Colour;
  readonly wall: Colour;
}

/** Where a ray meets something: distance and outward normal. */
export interface Hit {
  readonly distance: number;
  readonly normal: Vector;
}

const light: Vector = normalised([-0.5, 1, -0.6]);
const samplesPerSide = 2;

/** The scene with four rays a pixel: Lambert's shading, one light, hard shadows. */
export function paintScene(scene: Scene): Uint8Array {
  const pixels = new Uint8Array(pictureBytes);
  const [cos, sin] = [Math.cos(scene.turn), Math.sin(scene.turn)];
  const around = ([x, y, z]: Vector): Vector => [cos * x + sin * z, y, cos * z - sin * x];
  const eye = around([0, 3, -3.7]);
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++) {
      const sum = [0, 0, 0];
      for (let sample = 0; sample < samplesPerSide * samplesPerSide; sample++) {
        const u = (column + ((sample % samplesPerSide) + 0.5) / samplesPerSide) / (side / 2) - 1;
        const v = 1 - (row + (Math.floor(sample / samplesPerSide) + 0.5) / samplesPerSide) / (side / 2);
        // The camera looks down by 30 degrees at the solid's middle.
        const colour = shade(scene, eye, normalised(around([0.55 * u, 0.476 * v - 0.5, 0.866 + 0.275 * v])));
        for (let c = 0; c < 3; c++) sum[c] = (sum[c] ?? 0) + (colour[c] ?? 0);
      }
      for (let c = 0; c < 3; c++) pixels[(row * side + column) * 3 + c] = Math.round((sum[c] ?? 0) / (samplesPerSide * samplesPerSide));
    }
  return pixels;
}

function shade(scene: Scene, eye: Vector, ray: Vector): Colour {
  const solid = hitSolid(scene.shape, scene.size, eye, ray);
  const room = hitRoom(eye, ray);
  const hit = solid && solid.distance < room.distance ? solid : room;
  const colour = hit === solid ? scene.solid : hit.normal[1] > 0.5 ? scene.floor : scene.wall;
  const point = along(eye, ray, hit.distance - 1e-4);
  const facing = Math.max(0, dot(hit.normal, light));
  const lit = hit === room && hitSolid(scene.shape, scene.size, point, light) ? 0.2 : 1;
  const brightness = hit === solid ? 0.45 + 0.6 * facing : 0.7 + 0.3 * facing * lit - (lit < 1 ? 0.15 : 0);
  return [colour[0] * brightness, colour[1] * brightness, colour[2] * brightness].map((value) => Math.min(255, value)) as unknown as Colour;
}

/** Floor at height 0 and four walls at distance 4. */
function hitRoom(from: Vector, ray: Vector): Hit {
  let best: Hit = { distance: Number.POSITIVE_INFINITY, normal: [0, 1, 0] };
  const consider = (distance: number, normal: Vector): void => {
    if (distance > 1e-6 && distance < best.distance) best = { distance, normal };
  };
  consider(-from[1] / ray[1], [0, 1, 0]);
  for (const wall of [-4, 4]) {
    consider((wall - from[0]) / ray[0], [-Math.sign(wall), 0, 0]);
    consider((wall - from[2]) / ray[2], [0, 0, -Math.sign(wall)]);
  }
  return best;
}

/** First meeting of a ray (unit length) with a solid that stands on the floor at the origin. */
export function hitSolid(shape: SolidShape, size: number, from: Vector, ray: Vector): Hit | undefined {
  switch (shape) {
    case "sphere":
      return hitSphere([0, size, 0], size, from, ray);
    case "cube":
      return hitBox([size, size, size], [0, size, 0], from, ray);
    case "cylinder":
      return nearest(hitTube({ radius: 0.9 * size, bottom: 0, top: 1.8 * size }, from, ray), hitDisc(0.9 * size, 1.8 * size, from, ray));
    case "capsule": {
      const radius = 0.6 * size;
      const top = 2.4 * size - radius;
      return nearest(
        hitTube({ radius, bottom: radius, top }, from, ray),
        hitSphere([0, radius, 0], radius, from, ray),
        hitSphere([0, top, 0], radius, from, ray),
      );
    }
    default:
      return shape satisfies never;
  }
}

function hitSphere(centre: Vector, radius: number, from: Vector, ray: Vector): Hit | undefined {
  const away = minus(from, centre);
  const half = dot(away, ray);
  const root = half * half - dot(away, away) + radius * radius;
  const distance = -half - Math.sqrt(root);
  if (!(root > 0) || distance <= 1e-6) return undefined;
  return { distance, normal: normalised(minus(along(from, ray, distance), centre)) };
}

function hitBox(half: Vector, centre: Vector, from: Vector, ray: Vector): Hit | undefined {
  let [enter, leave, axis] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 0];
  for (const i of [0, 1, 2] as const) {
    const [a, b] = [(centre[i] - half[i] - from[i]) / ray[i], (centre[i] + half[i] - from[i]) / ray[i]];
    if (Math.min(a, b) > enter) [enter, axis] = [Math.min(a, b), i];
    leave = Math.min(leave, Math.max(a, b));
  }
  if (enter > leave || enter <= 1e-6) return undefined;
  const normal = [0, 1, 2].map((i) => (i === axis ? -Math.sign(ray[i as 0 | 1 | 2]) : 0));
  return { distance: enter, normal: normal as unknown as Vector };
}

/** The side of an upright cylinder between two heights. */
function hitTube(
  { radius, bottom, top }: { readonly radius: number; readonly bottom: number; readonly top: number },
  from: Vector,
  ray: Vector,
): Hit | undefined {
  const a = ray[0] * ray[0] + ray[2] * ray[2];
  const half = from[0] * ray[0] + from[2] * ray[2];
  const root = half * half - a * (from[0] * from[0] + from[2] * from[2] - radius * radius);
  const distance = (-half - Math.sqrt(root)) / a;
  if (!(root > 0) || distance <= 1e-6) return undefined;
  const point = along(from, ray, distance);
  return point[1] < bottom || point[1] > top ? undefined : { distance, normal: normalised([point[0], 0, point[2]]) };
}

/** The lid of an upright cylinder. */
function hitDisc(radius: number, height: number, from: Vector, ray: Vector): Hit | undefined {
  const distance = (height - from[1]) / ray[1];
  const point = along(from, ray, distance);
  return distance > 1e-6 && point[0] * point[0] + point[2] * point[2] <= radius * radius ? { distance, normal: [0, 1, 0] } : undefined;
}

function nearest(...hits: readonly (Hit | undefined)[]): Hit | undefined {
  return hits.filter((hit) => hit !== undefined).sort((a, b) => a.distance - b.distance)[0];
}

function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function minus(a: Vector, b: Vector): Vector {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

function along(from: Vector, ray: Vector, distance: number): Vector {
  return [from[0] + ray[0] * distance, from[1] + ray[1] * distance, from[2] + ray[2] * distance];
}

function normalised(a: Vector): Vector {
  const length = Math.sqrt(dot(a, a));
  return [a[0] / length, a[1] / length, a[2] / length];
}
