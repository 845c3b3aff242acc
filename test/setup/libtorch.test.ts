import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { explainClient } from "../../scripts/setup/client-failure.mjs";
import { findLibtorch, provideLibtorch } from "../../scripts/setup/libtorch.mjs";
import { createTerminal } from "../../scripts/setup/terminal.mjs";
import { makeFolder, makeWheel, pathWith, quietEnv, startNode } from "./sandbox.ts";

// The real pip, with an index that is a folder or a server of this file.

let place: ReturnType<typeof makeFolder>;
let server: Server | undefined;
beforeEach(() => {
  place = makeFolder();
});
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  place.remove();
});

function asking(env: NodeJS.ProcessEnv, recipe = makeWheel(place.folder).recipe) {
  const said: string[] = [];
  const terminal = createTerminal({ write: (text: string) => said.push(text) });
  return { said, env: quietEnv(place.folder, env), cache: join(place.folder, "cache"), terminal, recipe };
}
const fromFolder = () => ({ PIP_NO_INDEX: "1", PIP_FIND_LINKS: pathToFileURL(join(place.folder, "wheels")).href });

async function serve(answer: Parameters<typeof createServer>[1] & object): Promise<NodeJS.ProcessEnv> {
  server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server?.once("listening", resolve));
  return { PIP_INDEX_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple` };
}

test("pip's wheel is unpacked, only what is needed, found again without a client, and fetched again when cut short", async () => {
  const request = asking(fromFolder());
  const { root, origin } = await provideLibtorch(request);
  expect(origin).toBe("cache");
  expect(root).toBe(join(request.cache, "libtorch", "test", "torch"));
  expect(readdirSync(join(root, "lib"))).toEqual(["libtorch_cpu.so"]);
  expect(readFileSync(join(root, "lib", "libtorch_cpu.so")).length).toBe(100_000);
  expect(readdirSync(join(request.cache, "libtorch"))).toEqual(["test"]);
  expect(request.said.join("")).toMatch(/torch 2\.15\.0, \d+(\.\d)? kB at [\d.]+ [kM]?B\/s/);
  expect(await provideLibtorch({ ...request, env: { PATH: "" } })).toEqual({ root, origin, version: "2.15.0" });
  writeFileSync(join(root, "lib", "libtorch_cpu.so"), "short");
  expect(findLibtorch(request)).toBeUndefined();
  await provideLibtorch(request);
  expect(readFileSync(join(root, "lib", "libtorch_cpu.so")).length).toBe(100_000);
});

test("a wheel with another digest is refused and nothing gets the final name", async () => {
  const { recipe } = makeWheel(place.folder);
  const request = asking(fromFolder(), { ...recipe, wheels: recipe.wheels.map((wheel) => ({ ...wheel, sha256: "0".repeat(64) })) });
  await expect(provideLibtorch(request)).rejects.toMatchObject({ code: "EG-4102", exit: "data" });
  expect(findLibtorch(request)).toBeUndefined();
});

test("a finished download is used again, a torn one is not", async () => {
  const { recipe, file } = makeWheel(place.folder);
  const wheels = join(place.folder, "cache", "libtorch", ".staging-test", "wheels");
  mkdirSync(wheels, { recursive: true });
  const whole = readFileSync(file);
  writeFileSync(join(wheels, "torch-2.15.0.whl"), whole.subarray(0, 5000));
  const torn = asking(fromFolder(), recipe);
  await provideLibtorch(torn);
  expect(torn.said.join("")).not.toContain("earlier set-up");
  rmSync(torn.cache, { recursive: true });
  mkdirSync(wheels, { recursive: true });
  writeFileSync(join(wheels, "torch-2.15.0.whl"), whole);
  const kept = asking({ PIP_NO_INDEX: "1" }, recipe);
  await provideLibtorch(kept);
  expect(kept.said.join("")).toContain("is here from an earlier set-up");
});

test("a download that breaks off is begun again", async () => {
  const { recipe, file } = makeWheel(place.folder, 400_000);
  const wheel = readFileSync(file);
  let downloads = 0;
  const env = await serve((request, response) => {
    if (!request.url?.endsWith(".whl")) {
      const [name] = file.split("/").slice(-1);
      return void response.setHeader("content-type", "text/html").end(`<!doctype html><a href="/files/${name}">${name}</a>`);
    }
    response.setHeader("content-length", wheel.length);
    if (++downloads === 1) response.write(wheel.subarray(0, 200_000), () => response.destroy());
    else response.end(wheel);
  });
  const request = asking({ ...env, no_proxy: "127.0.0.1" }, recipe);
  const { root } = await provideLibtorch(request);
  expect(readFileSync(join(root, "lib", "libtorch_cpu.so")).length).toBe(400_000);
  expect(downloads).toBe(2);
});

test("an index that asks for a login is named with its cure", async () => {
  const env = await serve((_request, response) => void response.writeHead(401).end());
  const request = asking({ ...env, no_proxy: "127.0.0.1" });
  await expect(provideLibtorch(request)).rejects.toMatchObject({ code: "EG-6103", fix: expect.stringContaining("PIP_INDEX_URL") });
});

// What pip and uv print.
const none = "ERROR: No matching distribution found for torch==2.15.0";
const sayings: readonly {
  readonly title: string;
  readonly output: string;
  readonly client?: "uv";
  readonly code: string;
  readonly fix: RegExp;
}[] = [
  {
    title: "forbidden",
    output: `Could not fetch URL: 403 Client Error: Forbidden for url: ... - skipping\n${none}`,
    code: "EG-6103",
    fix: /PIP_INDEX_URL/,
  },
  {
    title: "not there",
    output: `Could not fetch URL: 404 Client Error: Not Found for url: ... - skipping\n${none}`,
    code: "EG-6106",
    fix: /mirrored/,
  },
  {
    title: "no name server",
    output: `NewConnectionError(... [Errno -2] Name or service not known)\n${none}`,
    code: "EG-6101",
    fix: /HTTPS_PROXY/,
  },
  {
    title: "own certificate",
    output: `SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))\n${none}`,
    code: "EG-6104",
    fix: /PIP_CERT/,
  },
  {
    title: "full disk",
    output: "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
    code: "EG-5103",
    fix: /EVERGREEN_CACHE/,
  },
  {
    title: "full disk, uv",
    output: "error: failed to write: No space left on device (os error 28)",
    client: "uv",
    code: "EG-5103",
    fix: /EVERGREEN_CACHE/,
  },
  {
    title: "no name server, uv",
    output: "error: error sending request\n  Caused by: dns error",
    client: "uv",
    code: "EG-6101",
    fix: /UV_INDEX_URL/,
  },
  { title: "something new", output: "noise\nERROR: the moon is full", code: "EG-6107", fix: /mend what pip says/ },
];
test.each(sayings)("what the client says is understood: $title", ({ output, client, code, fix }) => {
  const [wheel] = makeWheel(place.folder).recipe.wheels;
  if (wheel === undefined) throw new Error("the recipe has no wheel");
  const failure = explainClient(output, { client: client ?? "pip", wheel, folder: "cache" });
  expect(failure.code).toBe(code);
  expect(failure.fix).toMatch(fix);
  expect(failure.message.includes("the moon is full")).toBe(code === "EG-6107");
});

test("no network is named with its cure", async () => {
  const env = { PIP_INDEX_URL: "http://127.0.0.1:9/simple", no_proxy: "127.0.0.1" };
  await expect(provideLibtorch(asking(env))).rejects.toMatchObject({
    code: "EG-6101",
    exit: "network",
    fix: expect.stringContaining("EVERGREEN_LIBTORCH"),
  });
});

test("a proxy that does not answer is named with its cure", async () => {
  const env = { PIP_INDEX_URL: "https://index.invalid/simple", PIP_PROXY: "http://127.0.0.1:9" };
  await expect(provideLibtorch(asking(env))).rejects.toMatchObject({ code: "EG-6102", fix: expect.stringContaining("HTTPS_PROXY") });
});

test("without pip and uv the cure is how to install one", async () => {
  const request = { ...asking({}), env: { PATH: pathWith(place.folder, ["node"]) } };
  await expect(provideLibtorch(request)).rejects.toMatchObject({
    code: "EG-5112",
    fix: expect.stringContaining("apt install python3-pip"),
  });
});

test("too little room is found before the download", async () => {
  const request = { ...asking(fromFolder()), freeBytes: () => 1000 };
  await expect(provideLibtorch(request)).rejects.toMatchObject({ code: "EG-5103", message: expect.stringContaining("1.0 kB are free") });
});

test("a cache that cannot be made names EVERGREEN_CACHE", async () => {
  const request = { ...asking(fromFolder()), cache: "/dev/null/evergreen" };
  await expect(provideLibtorch(request)).rejects.toMatchObject({ code: "EG-5102", fix: expect.stringContaining("EVERGREEN_CACHE") });
});

test("EVERGREEN_LIBTORCH comes first, and a folder that is none is refused", async () => {
  const own = join(place.folder, "own");
  const request = asking({ EVERGREEN_LIBTORCH: own });
  await expect(provideLibtorch(request)).rejects.toMatchObject({ code: "EG-5113" });
  for (const [name, text] of [
    ["lib/libtorch_cpu.so", ""],
    ["include/ATen/ATen.h", ""],
    [
      "include/torch/headeronly/version.h",
      "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 14\n#define TORCH_VERSION_PATCH 1\n",
    ],
  ] as const) {
    mkdirSync(join(own, name, ".."), { recursive: true });
    writeFileSync(join(own, name), text);
  }
  expect(await provideLibtorch(request)).toEqual({ root: own, version: "2.14.1", origin: "EVERGREEN_LIBTORCH" });
  expect(request.said.join("")).toContain("2.15.0 is the one that is tested");
});

test("killed at any moment, the next call ends whole; a second process waits for the first", async () => {
  const { recipe } = makeWheel(place.folder, 300_000);
  const module = (name: string) => fileURLToPath(new URL(`../../scripts/setup/${name}.mjs`, import.meta.url));
  const script = `
    const { provideLibtorch } = await import(${JSON.stringify(module("libtorch"))});
    const { createTerminal } = await import(${JSON.stringify(module("terminal"))});
    const terminal = createTerminal(process.stderr);
    const { root } = await provideLibtorch({ env: process.env, cache: ${JSON.stringify(join(place.folder, "cache"))}, terminal, recipe: ${JSON.stringify(recipe)} });
    console.log(root);`;
  const args = ["--input-type=module", "-e", script];
  const env = quietEnv(place.folder, fromFolder());
  for (const afterMs of [60, 400, 900]) {
    const { child, ended } = startNode(args, env);
    await sleep(afterMs);
    child.kill("SIGKILL");
    await ended;
  }
  rmSync(join(place.folder, "cache", "libtorch", "test"), { recursive: true, force: true });
  const both = await Promise.all([startNode(args, env).ended, startNode(args, env).ended]);
  const root = join(place.folder, "cache", "libtorch", "test", "torch");
  expect(both.map(({ code, stdout }) => [code, stdout.trim()])).toEqual([
    [0, root],
    [0, root],
  ]);
  expect(both.filter(({ stderr }) => stderr.includes("waiting for the set-up")).length).toBeLessThanOrEqual(1);
  expect(both.filter(({ stderr }) => stderr.includes("unpacked")).length).toBe(1);
  expect(readFileSync(join(root, "lib", "libtorch_cpu.so")).length).toBe(300_000);
  expect(existsSync(join(place.folder, "cache", "libtorch", ".staging-test"))).toBe(false);
});
