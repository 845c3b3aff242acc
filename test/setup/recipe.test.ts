import { expect, test } from "vitest";
import { compareVersions, isTaken, pipArguments, recipeOf, refusalOf, requirementOf, uvArguments } from "../../scripts/setup/recipe.mjs";

type Facts = Parameters<typeof refusalOf>[0];
const linux: Facts = { platform: "linux", arch: "x64", libc: "glibc", glibc: "2.36", client: "pip" };

function recipe(platform: string, arch: string) {
  const found = recipeOf({ platform, arch });
  if (found === undefined) throw new Error(`no recipe for ${platform} ${arch}`);
  return found;
}
function torchOf({ wheels }: ReturnType<typeof recipe>) {
  const wheel = wheels.find(({ name }) => name === "torch");
  if (wheel === undefined) throw new Error("no torch wheel");
  return wheel;
}

test.each<[string, Partial<Facts>, string | undefined, string]>([
  ["glibc 2.36 with pip", {}, undefined, ""],
  ["glibc 2.28, the oldest", { glibc: "2.28" }, undefined, ""],
  ["glibc 2.100, newer than 2.28 by number", { glibc: "2.100" }, undefined, ""],
  ["uv alone", { client: "uv" }, undefined, ""],
  ["linux arm64", { arch: "arm64" }, undefined, ""],
  ["macOS arm64, where no libc is asked for", { platform: "darwin", arch: "arm64", libc: undefined }, undefined, ""],
  ["glibc 2.27", { glibc: "2.27" }, "EG-5111", "2.27"],
  ["glibc 2.9, older than 2.28 by number", { glibc: "2.9" }, "EG-5111", "2.9"],
  ["musl", { libc: "musl" }, "EG-5111", "musl"],
  ["neither pip nor uv", { client: undefined }, "EG-5112", "pip"],
  ["Windows", { platform: "win32", libc: undefined }, "EG-5110", "Windows"],
  ["macOS on Intel", { platform: "darwin", libc: undefined }, "EG-5110", "darwin x64"],
  ["linux ppc64", { arch: "ppc64" }, "EG-5110", "linux ppc64"],
])("%s", (_title, facts, code, word) => {
  const refusal = refusalOf({ ...linux, ...facts });
  expect(refusal?.code).toBe(code);
  expect(refusal?.message ?? "").toContain(word);
});

test("only Linux x64 is called tried, and only there digests are pinned", () => {
  const table = ["linux-x64", "linux-arm64", "darwin-arm64"].map((name) => {
    const [platform = "", arch = ""] = name.split("-");
    const recipe = recipeOf({ platform, arch });
    return [
      name,
      recipe?.tried,
      recipe?.wheels.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256 ?? "")),
      recipe?.wheels.map(({ name }) => name),
    ];
  });
  expect(table).toEqual([
    ["linux-x64", true, true, ["nvidia-cuda-runtime", "nvidia-cuda-cupti", "torch"]],
    ["linux-arm64", false, false, ["torch"]],
    ["darwin-arm64", false, false, ["torch"]],
  ]);
});

test("the client is asked for the same wheel whatever Python runs it", () => {
  const chosen = recipe("linux", "x64");
  const wheel = torchOf(chosen);
  const paths = { requirements: "r.txt", folder: "out" };
  const pip = pipArguments(chosen, wheel, paths).join(" ");
  expect(pip).toContain("--only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 --platform manylinux_2_28_x86_64");
  expect(pip).toContain("--require-hashes --dest out -r r.txt");
  const uv = uvArguments(chosen, wheel, paths).join(" ");
  expect(uv).toContain("--python-version 3.11 --python-platform x86_64-manylinux_2_28 --require-hashes --target out -r r.txt");
  expect(requirementOf(wheel)).toBe("torch==2.15.0 --hash=sha256:48c2d861134c0b5697c7602cb5ffa68f62a2989fdcd1717e593356f67996ca1e\n");
});

test("without a digest the version alone is pinned", () => {
  const chosen = recipe("darwin", "arm64");
  const wheel = torchOf(chosen);
  expect(requirementOf(wheel)).toBe("torch==2.15.0\n");
  expect(pipArguments(chosen, wheel, { requirements: "r", folder: "f" })).not.toContain("--require-hashes");
});

test("headers and three libraries are kept of the Linux wheel, nothing of CUDA or Python", () => {
  const wheel = torchOf(recipe("linux", "x64"));
  const names = ["torch/lib/libtorch_cpu.so", "torch/lib/libc10.so", "torch/lib/libgomp.so.1", "torch/include/ATen/ATen.h"];
  const rest = [
    "torch/lib/libtorch_cuda.so",
    "torch/lib/libtorch_python.so",
    "torch/lib/libtorch.so",
    "torch/__init__.py",
    "torch/include",
    "torch/lib/libc10.so.evil",
  ];
  expect([...names, ...rest].filter((name) => isTaken(wheel, name))).toEqual(names);
});

test("versions compare by number, and missing parts are zero", () => {
  const sorted = ["2.9", "2.28", "2.28.1", "3", "20.19.0"];
  expect([...sorted].reverse().sort(compareVersions)).toEqual(sorted);
  expect(compareVersions("2.28", "2.28.0")).toBe(0);
});
