// @ts-check

/**
 * What decides how libtorch is fetched.
 * @typedef {{ platform: string, arch: string, libc: "glibc" | "musl" | undefined, glibc?: string, client: "pip" | "uv" | undefined }} Facts
 *
 * One wheel. Where no digest is known the version alone is pinned.
 * @typedef {{ name: string, version: string, sha256?: string, bytes?: number, take: readonly string[], leave: readonly string[] }} Wheel
 *
 * @typedef {{ key: string, version: string, tried: boolean, tags: readonly string[], uvPlatform: string, wheels: readonly Wheel[],
 *   libraries: readonly string[] }} Recipe
 *
 * @typedef {{ code: string, message: string, fix: string }} Refusal
 */

/** The libtorch that every figure of this repository was measured with. */
export const torchVersion = "2.15.0";
const oldestGlibc = "2.28";

const headers = ["torch/include/"];
/** Needs a GPU or Python, and is most of the wheel. */
const unused = [
  "torch/lib/libtorch_cuda",
  "torch/lib/libc10_cuda",
  "torch/lib/libtorch_python",
  "torch/lib/libtorch_nvshmem",
  "torch/lib/libcaffe2_nvrtc",
];

/** @type {Readonly<Record<string, Recipe>>} */
const recipes = {
  "linux-x64": {
    key: `${torchVersion}-48c2d861134c`,
    version: torchVersion,
    tried: true,
    tags: ["manylinux_2_28_x86_64", "manylinux_2_25_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"],
    uvPlatform: "x86_64-manylinux_2_28",
    // libtorch_cpu loads the two small ones at start, GPU or not. They come first: a refusing index is found out in a second.
    wheels: [
      {
        name: "nvidia-cuda-runtime",
        version: "13.5.37",
        sha256: "df2b79a8852f10d1fef8c848489c49eebb5754051bf870202a862831412b179d",
        bytes: 2504024,
        take: ["nvidia/cu13/lib/libcudart.so.13"],
        leave: [],
      },
      {
        name: "nvidia-cuda-cupti",
        version: "13.5.25",
        sha256: "9dcca41c12a734192b14e7128ae116bc9ce1b9da686e2ebf48ae7a4415f76650",
        bytes: 12592974,
        take: ["nvidia/cu13/lib/libcupti.so.13"],
        leave: [],
      },
      {
        name: "torch",
        version: torchVersion,
        sha256: "48c2d861134c0b5697c7602cb5ffa68f62a2989fdcd1717e593356f67996ca1e",
        bytes: 539136850,
        take: ["torch/lib/libtorch_cpu.so", "torch/lib/libc10.so", "torch/lib/libgomp.so.1", ...headers],
        leave: [],
      },
    ],
    libraries: [
      "torch/lib/libtorch_cpu.so",
      "torch/lib/libc10.so",
      "torch/lib/libgomp.so.1",
      "nvidia/cu13/lib/libcudart.so.13",
      "nvidia/cu13/lib/libcupti.so.13",
    ],
  },
  "linux-arm64": {
    key: `${torchVersion}-linux-arm64`,
    version: torchVersion,
    tried: false,
    tags: ["manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"],
    uvPlatform: "aarch64-manylinux_2_28",
    wheels: [{ name: "torch", version: torchVersion, take: ["torch/lib/", "torch.libs/", ...headers], leave: unused }],
    libraries: ["torch/lib/libtorch_cpu.so", "torch/lib/libc10.so"],
  },
  "darwin-arm64": {
    key: `${torchVersion}-darwin-arm64`,
    version: torchVersion,
    tried: false,
    tags: ["macosx_14_0_arm64", "macosx_11_0_arm64"],
    uvPlatform: "aarch64-apple-darwin",
    wheels: [{ name: "torch", version: torchVersion, take: ["torch/lib/", ...headers], leave: ["torch/lib/libtorch_python"] }],
    libraries: ["torch/lib/libtorch_cpu.dylib", "torch/lib/libc10.dylib"],
  },
};

/**
 * The recipe of a platform; undefined where there is none.
 * @param {{ platform: string, arch: string }} machine
 * @returns {Recipe | undefined}
 */
export function recipeOf({ platform, arch }) {
  return recipes[`${platform}-${arch}`];
}

/**
 * Why libtorch cannot be fetched here, or undefined when it can.
 * @param {Facts} facts
 * @returns {Refusal | undefined}
 */
export function refusalOf({ platform, arch, libc, glibc, client }) {
  const own = "set EVERGREEN_LIBTORCH to a libtorch folder (with lib/ and include/) that was built for this machine";
  if (platform === "win32") {
    return {
      code: "EG-5110",
      message: "Windows has no recipe for libtorch",
      fix: "run Evergreen under WSL 2, where the Linux recipe works",
    };
  }
  if (recipeOf({ platform, arch }) === undefined) {
    return { code: "EG-5110", message: `${platform} ${arch} has no recipe for libtorch`, fix: own };
  }
  if (libc === "musl") {
    return {
      code: "EG-5111",
      message: "libtorch needs glibc and this system has musl",
      fix: "use a glibc distribution such as Debian or Ubuntu (in Docker: node:20-bookworm)",
    };
  }
  if (libc === "glibc" && glibc !== undefined && compareVersions(glibc, oldestGlibc) < 0) {
    return {
      code: "EG-5111",
      message: `libtorch needs glibc ${oldestGlibc} or newer and this system has ${glibc}`,
      fix: "use a newer distribution (Debian 10, Ubuntu 20.04, RHEL 8 or later)",
    };
  }
  if (client === undefined) {
    return {
      code: "EG-5112",
      message: "libtorch is fetched with Python's package client, and neither pip (python3 -m pip) nor uv was found",
      fix: "install one (Debian and Ubuntu: apt install python3-pip; Fedora: dnf install python3-pip; macOS: brew install python), or set EVERGREEN_LIBTORCH",
    };
  }
  return undefined;
}

/**
 * Whether an entry of the wheel belongs to what is kept.
 * @param {Wheel} wheel
 * @param {string} name
 */
export function isTaken({ take, leave }, name) {
  return (
    take.some((start) => (start.endsWith("/") ? name.startsWith(start) : name === start)) && !leave.some((start) => name.startsWith(start))
  );
}

/**
 * The line of a requirements file.
 * @param {Wheel} wheel
 */
export function requirementOf({ name, version, sha256 }) {
  return sha256 === undefined ? `${name}==${version}\n` : `${name}==${version} --hash=sha256:${sha256}\n`;
}

/**
 * Arguments after `python3` that download one wheel into a folder, the same whatever Python runs them. Verbose, because pip
 * says only then why an index gave nothing; the words are read, not shown.
 * @param {Recipe} recipe
 * @param {Wheel} wheel
 * @param {{ requirements: string, folder: string }} paths
 */
export function pipArguments(recipe, wheel, { requirements, folder }) {
  return [
    ...[
      "-m",
      "pip",
      "download",
      "-vv",
      "--no-input",
      "--no-deps",
      "--no-cache-dir",
      "--progress-bar",
      "off",
      "--disable-pip-version-check",
    ],
    ...["--only-binary=:all:", "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"],
    ...recipe.tags.flatMap((tag) => ["--platform", tag]),
    ...(wheel.sha256 === undefined ? [] : ["--require-hashes"]),
    ...["--dest", folder, "-r", requirements],
  ];
}

/**
 * Arguments after `uv` that install one wheel into a folder.
 * @param {Recipe} recipe
 * @param {Wheel} wheel
 * @param {{ requirements: string, folder: string }} paths
 */
export function uvArguments(recipe, wheel, { requirements, folder }) {
  return [
    ...["pip", "install", "--no-deps", "--no-cache", "--no-progress", "--only-binary", ":all:", "--link-mode", "copy"],
    ...["--python-version", "3.11", "--python-platform", recipe.uvPlatform],
    ...(wheel.sha256 === undefined ? [] : ["--require-hashes"]),
    ...["--target", folder, "-r", requirements],
  ];
}

/**
 * Below 0 when a is the older one.
 * @param {string} a
 * @param {string} b
 */
export function compareVersions(a, b) {
  const left = a.split(".").map(Number);
  const right = b.split(".").map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
