import { expect, test } from "vitest";
import { ArchitectureError, architecture } from "./architecture.ts";
import { ActivationMismatchError, checkActivation, pretrained, pretrainedNames } from "./pretrained.ts";

test("every known weights' architecture is a preset with the weights' activation", () => {
  const { short, pairs } = pretrainedNames();
  expect(short.length).toBe(22);
  for (const name of [...short, ...pairs]) {
    const weights = pretrained(name);
    expect([name, architecture(weights.architecture).quickGelu]).toEqual([name, weights.quickGelu]);
    expect(() => checkActivation(weights, architecture(weights.architecture))).not.toThrow();
  }
});

test("activation follows the tag (backbones.md, table of weights)", () => {
  const quick = [
    "vit-b32-openai",
    "vit-l14-336-openai",
    "rn50-openai",
    "vit-b32-metaclip",
    "vit-h14-metaclip",
    "vit-b16-dfn",
    "vit-h14-dfn",
    "ViT-B-32-quickgelu/laion400m_e32",
  ];
  const exact = ["vit-b32-laion2b", "vit-b16-datacomp", "vit-l14-laion2b", "vit-bigg14-laion2b", "ViT-B-16/laion400m_e32"];
  expect(quick.filter((name) => !pretrained(name).quickGelu)).toEqual([]);
  expect(exact.filter((name) => pretrained(name).quickGelu)).toEqual([]);
});

test("preprocessing follows the tag: L/14 LAION-2B is normalised by 0.5, DFN-5B is squashed", () => {
  expect(pretrained("vit-l14-laion2b").preprocess).toMatchObject({ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], resizeMode: "shortest" });
  expect(pretrained("vit-l14-datacomp").preprocess.mean[0]).toBe(0.48145466);
  expect(pretrained("vit-h14-dfn").preprocess.resizeMode).toBe("squash");
});

test("a QuickGELU tag with a GELU architecture is refused, and the other way round", () => {
  expect(() => pretrained("ViT-B-32/openai")).toThrow(expect.objectContaining({ code: "EG-3402", fix: "write ViT-B-32-quickgelu/openai" }));
  expect(() => pretrained("ViT-L-14/dfn2b")).toThrow(ActivationMismatchError);
  expect(() => pretrained("ViT-B-32-quickgelu/laion2b_s34b_b79k")).toThrow(/trained with exact GELU/);
  expect(() => checkActivation(pretrained("vit-b32-openai"), architecture("ViT-B-32"))).toThrow(ActivationMismatchError);
  expect(pretrained("ViT-B-32-quickgelu/openai").source).toBe("timm/vit_base_patch32_clip_224.openai");
});

test("unknown weights are refused with the nearest name", () => {
  expect(() => pretrained("vit-b32-laion2")).toThrow(expect.objectContaining({ code: "EG-3401", fix: 'did you mean "vit-b32-laion2b"?' }));
  expect(() => pretrained("constructor")).toThrow(ArchitectureError);
  expect(() => pretrained("ViT-B-32/constructor")).toThrow(ArchitectureError);
});
