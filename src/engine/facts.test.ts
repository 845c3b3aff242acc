import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { checkEnvironment, native } from "./binding.ts";
import { EngineError } from "./engine-error.ts";
import { checkDevice, engineInfo, setThreads } from "./facts.ts";

const engine = fileURLToPath(new URL("../../dist/engine/facts.js", import.meta.url));

/** A process of its own that loads the engine and prints. */
function inChild(
  source: string,
  env: Readonly<Record<string, string>>,
): { readonly stdout: string; readonly stderr: string; readonly status: number | null } {
  const code = `const { native } = await import(${JSON.stringify(engine.replace("facts.js", "binding.js"))}); ${source}`;
  return spawnSync(process.execPath, ["--input-type=module", "-e", code], {
    env: { PATH: process.env.PATH ?? "", ...env },
    encoding: "utf8",
  });
}

test("threads are what was asked for; a number that is none is refused", () => {
  const before = engineInfo().threads;
  expect(setThreads(1)).toBe(1);
  expect(engineInfo().threads).toBe(1);
  expect(() => setThreads(0)).toThrowError(expect.objectContaining({ code: "EG-1101" }));
  expect(() => setThreads(Number.NaN)).toThrow(/threads/);
  expect(setThreads(before)).toBe(before);
});

test("the engine knows what decides its bits", () => {
  const info = engineInfo();
  expect(info.libtorch).toMatch(/^\d+\.\d+\.\d+.*, mkl .*, onednn v\d/);
  expect(info.instructions).toMatch(/^[A-Z0-9_]+$/);
});

test("neither OpenMP nor MKL may take fewer threads than told, whatever the environment wishes", () => {
  const { stdout } = inChild("console.log(native.facts().dynamicThreads, process.env.MKL_DYNAMIC)", {
    OMP_DYNAMIC: "true",
    MKL_DYNAMIC: "TRUE",
  });
  expect(stdout.trim()).toBe("false FALSE");
});

test("idle threads spin for a bounded time, then sleep, and the user's own choice stands if there is one", () => {
  const shown = (env: Record<string, string>) =>
    /GOMP_SPINCOUNT = '(\d+)'/.exec(inChild("", { OMP_DISPLAY_ENV: "VERBOSE", ...env }).stderr)?.[1];
  expect(shown({})).toBe("10000");
  expect(shown({ GOMP_SPINCOUNT: "0" })).toBe("0");
  expect(Number(shown({ OMP_WAIT_POLICY: "ACTIVE" }))).toBeGreaterThan(1e6);
});

test("a setting that would lower fp32 is refused before the engine loads", () => {
  for (const name of ["ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE"]) {
    expect(() => checkEnvironment({ [name]: "BF16" })).toThrowError(
      expect.objectContaining({ code: "EG-3101", exit: "config", fix: `unset ${name}` }),
    );
    for (const value of ["", "STRICT", "strict", undefined]) expect(() => checkEnvironment({ [name]: value })).not.toThrow();
  }
  const { stderr, status } = inChild("", { ONEDNN_DEFAULT_FPMATH_MODE: "ANY" });
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/ONEDNN_DEFAULT_FPMATH_MODE=ANY would silently lower the precision of fp32/);
});

test("a missing addon is one sentence with its cure", () => {
  const { stderr } = inChild("", { EVERGREEN_ADDON: "/nowhere/evergreen.node" });
  expect(stderr).toMatch(/the engine is not built: \/nowhere\/evergreen\.node does not exist/);
  expect(stderr).toMatch(/EG-5102/);
});

test("auto is the processor; another device computes or says what is missing", () => {
  expect(checkDevice("auto")).toBe("cpu");
  expect(checkDevice("cpu")).toBe("cpu");
  expect(() => checkDevice("tpu")).toThrowError(expect.objectContaining({ code: "EG-5102", exit: "resources" }));
  expect(() => checkDevice("cuda:x")).toThrow(/device cuda:x/);
  const { missing, devices } = native.openCuda();
  if (missing.length === 0) {
    expect(checkDevice("cuda:0")).toBe("cuda:0");
    expect(() => checkDevice(`cuda:${devices}`)).toThrow(/the driver shows/);
    return;
  }
  const error = failureOf(() => checkDevice("cuda"));
  expect(error).toMatchObject({ failure: "unavailable", exit: "resources", code: "EG-5102" });
  expect(error?.message).toMatch(/^device cuda: missing (the driver: .*|the library libc10_cuda\.so .*|what lib.* needs: .*|a device: .*)/);
  for (const part of missing) expect(error?.message).toContain(part);
});

function failureOf(work: () => unknown): EngineError | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  return undefined;
}
