"""Writes test/vectors/architectures.json: what OpenCLIP's models hold, for every preset in src/models/presets that is OpenCLIP's.

Needs open_clip_torch 3.3.0, transformers and torch. Models are built on the meta device; two small ones are built really, so that the
statistics of their fresh weights can be compared.
"""

import hashlib
import json
import math
from pathlib import Path

import open_clip
import torch
from open_clip.model import CLIP
from transformers import CLIPConfig, CLIPModel

ROOT = Path(__file__).resolve().parents[2]
INITIALISED = ["ViT-S-32-alt", "RN50"]


def build(name):
    config = open_clip.get_model_config(name)
    return CLIP(**{key: config[key] for key in ("embed_dim", "vision_cfg", "text_cfg", "quick_gelu") if key in config})


def normalised(config):
    """`patch_size: null` of the ResNets says nothing; everything else must be equal."""
    config = json.loads(json.dumps(config))
    if config["vision_cfg"].get("patch_size", 0) is None:
        del config["vision_cfg"]["patch_size"]
    return config


def count(tensors):
    return sum(math.prod(tensor.shape) for tensor in tensors)


def describe(name, preset):
    assert normalised(open_clip.get_model_config(name)) == preset, f"{name}: preset differs from OpenCLIP's model config"
    with torch.device("meta"):
        model = build(name)
    lines = [f"{key} {list(tensor.shape)}".replace(" [", "[").replace(", ", ",") for key, tensor in model.state_dict().items()]
    vision = count(model.visual.parameters())
    total = count(model.parameters())
    return {
        "tensors": len(lines),
        "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        "vision": vision,
        "text": total - vision - 1,
        "total": total,
    }


def statistics(name):
    torch.manual_seed(0)
    rows = {}
    for key, tensor in build(name).named_parameters():
        values = tensor.detach().double()
        rows[key] = [float(f"{x:.4g}") for x in (values.mean(), values.pow(2).mean().sqrt(), values.abs().max())]
    return rows


def transformers_model():
    tower = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_act": "gelu"}
    config = CLIPConfig(
        text_config={**tower, "hidden_size": 128, "intermediate_size": 256, "vocab_size": 100, "max_position_embeddings": 24, "eos_token_id": 99},
        vision_config={**tower, "hidden_size": 192, "intermediate_size": 320, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    tensors = {key: list(tensor.shape) for key, tensor in CLIPModel(config).state_dict().items()}
    return {"config": json.loads(config.to_json_string()), "tensors": tensors}


def main():
    paths = sorted((ROOT / "src/models/presets").glob("*.json"))
    presets = {path.stem: json.loads(path.read_text()) for path in paths if open_clip.get_model_config(path.stem)}  # the others are ours
    result = {
        "open_clip": open_clip.__version__,
        "models": {name: describe(name, preset) for name, preset in presets.items() if open_clip.get_model_config(name)},
        "transformers": transformers_model(),
        "fresh": {name: statistics(name) for name in INITIALISED},
    }
    (ROOT / "test/vectors/architectures.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")


main()
