import { readFileSync } from "node:fs";
import type { Draws } from "../../../util/random.ts";
import type { Packages } from "../packages.ts";
import { paintSvg } from "../paint.ts";
import { classNamesOf, type Family, type PlannedRecord, side } from "../planned.ts";

type Polygon = { readonly type: "Polygon"; readonly coordinates: readonly (readonly (readonly [number, number])[])[] };
type MultiPolygon = { readonly type: "MultiPolygon"; readonly coordinates: readonly Polygon["coordinates"][] };
type Shape = Polygon | MultiPolygon;
interface Atlas {
  readonly objects: { readonly countries: unknown };
}
interface Topojson {
  feature(atlas: Atlas, object: unknown): { readonly features: readonly { readonly id?: string; readonly geometry: Shape }[] };
}
interface Projection {
  rotate(angles: readonly [number, number, number]): Projection;
  fitExtent(extent: readonly [readonly [number, number], readonly [number, number]], shape: Shape): Projection;
}
/** What is used of d3-geo; angles in degrees, areas in steradians, distances in radians. */
interface Geo {
  geoAzimuthalEqualArea(): Projection;
  geoPath(projection: Projection): (shape: Shape) => string | null;
  geoArea(shape: Shape): number;
  geoCentroid(shape: Shape): [number, number];
  geoDistance(a: readonly [number, number], b: readonly [number, number]): number;
}

const perClass = { train: 12, test: 4 };
/** Test pictures have colours that no training picture has. */
const colours = {
  train: { black: "#111111", red: "#cc2b2b", blue: "#2b55cc", orange: "#e08a1e", purple: "#7d3cb0", brown: "#7a4a21" },
  test: { green: "#2c8c3c", gray: "#777777" },
} as const;
/** Degrees to either side that a shape may be turned by. */
const turn = 20;

/** Atlas id (ISO 3166-1 numeric) to name. */
const names = JSON.parse(readFileSync(new URL("../words/countries.json", import.meta.url), "utf8")) as Readonly<Record<string, string>>;

/** Outlines of countries, turned and coloured; the test comes from a finer map, in other colours. */
export const countryFamily: Family = async (packages, random) => {
  const geo = await packages.module<Geo>("d3-geo/dist/d3-geo.mjs");
  const maps = { train: mainlands(geo, await readMap(packages, "50m")), test: mainlands(geo, await readMap(packages, "10m")) };
  const draws = random.at("mini-flux/country-shapes");
  const records = Object.entries(names).flatMap(([id, className]) =>
    Array.from({ length: perClass.train + perClass.test }, (_, i): PlannedRecord => {
      const split = i < perClass.train ? "train" : "test";
      const { word, ink } = drawColour(split, draws);
      const degrees = (draws.uniform() * 2 - 1) * turn;
      return {
        key: `${className.replaceAll(" ", "-").replaceAll("'", "")}/${String(i).padStart(2, "0")}`,
        className,
        split,
        captions: [`the outline of ${className} on a map`, `${className} on a map in ${word}`],
        source: "natural-earth",
        file: `world-atlas/countries-${split === "train" ? "50m" : "10m"}.json#${id}/${i}`,
        paint: () => paintSvg(countrySvg(geo, maps[split](id), { degrees, ink })),
      };
    }),
  );
  const templates = ["the outline of {} on a map", "{} on a map", "{}"];
  const summary = "outlines of a hundred countries";
  return [
    { name: "country-shapes", role: "adapt", task: "classification", summary, classNames: classNamesOf(records), templates, records },
  ];
};

function drawColour(split: "train" | "test", draws: Draws): { readonly word: string; readonly ink: string } {
  const among = Object.entries(colours[split]);
  const [word, ink] = among[draws.below(among.length)] ?? ["black", "#111111"];
  return { word, ink };
}

async function readMap(packages: Packages, resolution: string): Promise<Map<string, Shape>> {
  const { feature } = await packages.module<Topojson>("topojson-client/dist/topojson-client.js");
  const atlas = packages.json<Atlas>(`world-atlas/countries-${resolution}.json`);
  return new Map(feature(atlas, atlas.objects.countries).features.flatMap(({ id, geometry }) => (id ? [[id, geometry] as const] : [])));
}

interface Country {
  readonly shape: Shape;
  readonly centre: readonly [number, number];
}

/** The part of each country that is drawn, worked out when it is first asked for. */
function mainlands(geo: Geo, map: ReadonlyMap<string, Shape>): (id: string) => Country {
  const known = new Map<string, Country>();
  return (id) => {
    const found = known.get(id);
    if (found) return found;
    const whole = map.get(id);
    if (!whole) throw new RangeError(`internal: countries.json names "${id}", which the map does not have`);
    const shape = mainland(geo, whole);
    const country = { shape, centre: geo.geoCentroid(shape) };
    known.set(id, country);
    return country;
  };
}

function countrySvg(geo: Geo, { shape, centre }: Country, { degrees, ink }: { readonly degrees: number; readonly ink: string }): string {
  const margin = 3;
  const projection = geo
    .geoAzimuthalEqualArea()
    .rotate([-centre[0], -centre[1], degrees])
    .fitExtent(
      [
        [margin, margin],
        [side - margin, side - margin],
      ],
      shape,
    );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${side} ${side}"><path fill="${ink}" d="${geo.geoPath(projection)(shape)}"/></svg>`;
}

/** The largest part and what is near it and not tiny: France without its departments overseas. */
function mainland(geo: Geo, shape: Shape): Shape {
  if (shape.type === "Polygon") return shape;
  const parts = shape.coordinates
    .map((coordinates) => ({ type: "Polygon", coordinates }) as const)
    .map((part) => ({ part, area: geo.geoArea(part), centre: geo.geoCentroid(part) }))
    .sort((a, b) => b.area - a.area);
  const [first] = parts;
  if (!first) return shape;
  const kept = parts.filter(({ area, centre }) => area >= 0.03 * first.area && geo.geoDistance(centre, first.centre) < 0.5);
  return { type: "MultiPolygon", coordinates: kept.map(({ part }) => part.coordinates) };
}
