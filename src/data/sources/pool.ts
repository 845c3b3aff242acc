import { z } from "zod";
import { dataFolder } from "../../util/paths.ts";
import { DataError } from "../data-error.ts";
import { type PoolPlace, poolPlace, pools, type RegisteredPool, registeredPool } from "../pools.ts";
import { type DataSource, type SourceDefinition, sources } from "../source.ts";
import { unopenedSource } from "../unopened-source.ts";

const options = z.strictObject({
  path: z.string().min(1).optional().describe("data root, with shards in pools/<handle>; EVERGREEN_DATA if absent"),
  sets: z.array(z.string()).min(1).optional().describe("pools that must be there, by handle; default: all that are"),
});
type Options = z.output<typeof options>;

const definition: SourceDefinition<typeof options> = {
  summary:
    "Pretraining pools of the published benchmark (LAION-400M, CC12M, CC3M, DataComp-small) as tar or parquet shards in a data root.",
  source: "arXiv:2408.14471, section 3",
  options,
  selects: true,
  recognises: () => false,
  async open(given) {
    const found = wanted(given).map((pool) => ({ pool, place: poolPlace(rootOf(given), pool) }));
    const lacking = found.find(({ place }) => place.kind === undefined);
    if (given.sets && lacking) throw absent(lacking.pool, lacking.place.folder);
    const here = found.filter(({ place }) => place.kind !== undefined);
    if (here.length === 0)
      throw new DataError(`${rootOf(given)}: holds none of ${pools.map(({ handle }) => `pools/${handle}`).join(", ")}`);
    return (await Promise.all(here.map(({ pool, place }) => openPool(pool, place)))).flat();
  },
  async plan(given) {
    const planned = wanted(given).map(async (pool) => {
      const place = poolPlace(rootOf(given), pool);
      return place.kind === undefined ? [unopenedPool(pool)] : openPool(pool, place);
    });
    return (await Promise.all(planned)).flat();
  },
};
export default definition;

const rootOf = ({ path }: Options): string => path ?? dataFolder(process.env);
const wanted = ({ sets }: Options): readonly RegisteredPool[] => (sets ? [...new Set(sets.map(registeredPool))] : pools);

async function openPool(pool: RegisteredPool, { folder, kind }: PoolPlace): Promise<readonly DataSource[]> {
  const reader = await sources.load(kind ?? "webdataset");
  const opened = await reader.open(reader.options.parse({ path: folder, name: pool.handle, role: "pool" }));
  return opened.map((source) => ({ ...source, licences: [pool.licence] }));
}

const absent = ({ handle, obtain }: RegisteredPool, folder: string): DataError =>
  new DataError(`${folder}: no tar or parquet shards of ${handle}`, { fix: obtain });

const unopenedPool = ({ handle: name, pairs, licence, obtain }: RegisteredPool): DataSource =>
  unopenedSource({
    ...{ name, role: "pool", task: "caption", templates: ["{}"], licences: [licence], classes: { list: 0, streamed: 0 } },
    unopened: { train: pairs, test: 0, missing: [`pools/${name}/*.tar`], obtain },
  });
