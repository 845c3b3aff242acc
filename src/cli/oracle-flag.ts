import { readSpec, type SpecRequest } from "../runs/spec.ts";

/** The flag of commands that take a run file, or the oracle of it. */
export const oracleFlag = {
  oracle: { type: "boolean", help: "its oracle instead: all data in one task, with the steps of all tasks and nothing to replay" },
} as const;

/** The request with the oracle's settings over it, where the flag asks for it. */
export async function withOracle(request: SpecRequest, { oracle }: { readonly oracle?: boolean }): Promise<SpecRequest> {
  if (!oracle) return request;
  const { spec } = readSpec(request);
  const { oracleSettings } = await import("../pipeline/oracle.ts");
  return { ...request, set: [...(request.set ?? []), ...(await oracleSettings(spec, request.cwd))] };
}
