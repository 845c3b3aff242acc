"""Adapters of PEFT on transformers' CLIPModel: test/vectors/peft/{cases.json,cases.safetensors} and the adapter folders that PEFT saves.

usage: python adapters.py [--out FOLDER]
"""
import json
import os

import numpy as np
import peft
import torch
import transformers
from safetensors.numpy import save_file

from common.configs import TINY_VIT
from common.filled import arguments, filled, pixels, tiny_tokens, uniform, write_json

BATCH = 4
BLOCK = {
    "ln_1": "layer_norm1", "ln_2": "layer_norm2", "attn.out_proj": "self_attn.out_proj", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2",
}
OUTSIDE = {
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.ln_pre": "vision_model.pre_layrnorm",
    "visual.ln_post": "vision_model.post_layernorm",
    "visual.proj": "visual_projection.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final": "text_model.final_layer_norm",
    "text_projection": "text_projection.weight",
    "logit_scale": "logit_scale",
}
PARTS = {"q_proj": "q", "k_proj": "k", "v_proj": "v", "out_proj": "out", "fc1": "fc", "fc2": "proj"}
PUBLISHED = ["q_proj", "k_proj", "v_proj", "fc2"]
VISION_QKV = [f"vision_model.encoder.layers.{i}.self_attn.{part}" for i in range(2) for part in ("q_proj", "k_proj", "v_proj")]
CASES = {
    "lora": lambda: peft.LoraConfig(r=3, lora_alpha=6, target_modules=PUBLISHED),
    "lora-all": lambda: peft.LoraConfig(r=2, lora_alpha=3, use_rslora=True, target_modules=list(PARTS)),
    "dora": lambda: peft.LoraConfig(r=3, lora_alpha=6, use_dora=True, target_modules=PUBLISHED),
    "oft": lambda: peft.OFTConfig(oft_block_size=16, use_cayley_neumann=False, target_modules=PUBLISHED),
    "vera": lambda: peft.VeraConfig(r=3, target_modules=VISION_QKV, projection_prng_key=0),
    # Layers of two sizes, so that some use a part of the shared matrices.
    "vera-sliced": lambda: peft.VeraConfig(r=3, target_modules=PUBLISHED, projection_prng_key=0),
}
SHARED = {"vera": {"vera_A": (3, 64), "vera_B": (64, 3)}, "vera-sliced": {"vera_A": (3, 256), "vera_B": (64, 3)}}


def tower_names(count, prefix, theirs, width):
    """OpenCLIP's name and shape, transformers' name, and the rows of OpenCLIP's tensor that are meant."""
    for i in range(count):
        ours, other = f"{prefix}.resblocks.{i}", f"{theirs}.encoder.layers.{i}"
        for kind in ("weight", "bias"):
            whole = f"{ours}.attn.in_proj_{kind}", (3 * width, width) if kind == "weight" else (3 * width,)
            for row, part in enumerate(("q", "k", "v")):
                yield *whole, f"{other}.self_attn.{part}_proj.{kind}", slice(row * width, (row + 1) * width)
            for name, to in BLOCK.items():
                rows = 4 * width if name == "mlp.c_fc" else width
                columns = 4 * width if name == "mlp.c_proj" else width
                shape = (rows, columns) if kind == "weight" and not name.startswith("ln") else (rows,)
                yield f"{ours}.{name}.{kind}", shape, f"{other}.{to}.{kind}", slice(None)


def build():
    """A filled CLIPModel of the tiny architecture."""
    vision, text = TINY_VIT["vision_cfg"], TINY_VIT["text_cfg"]
    common = {"hidden_act": "gelu", "layer_norm_eps": 1e-5, "projection_dim": TINY_VIT["embed_dim"]}
    config = transformers.CLIPConfig(
        text_config={**common, "hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 512,
                     "max_position_embeddings": 16, "eos_token_id": 511, "bos_token_id": 510, "pad_token_id": 0},
        vision_config={**common, "hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32, "patch_size": 8},
        projection_dim=TINY_VIT["embed_dim"])
    model = transformers.CLIPModel(config).eval()
    state = model.state_dict()
    names = [*tower_names(vision["layers"], "visual.transformer", "vision_model", 64), *tower_names(text["layers"], "transformer", "text_model", 64)]
    for ours, theirs in OUTSIDE.items():
        for kind in ("weight", "bias") if "ln_" in ours else (None,):
            to = f"{theirs}.{kind}" if kind else theirs
            shape = tuple(state[to].shape)
            names.append((f"{ours}.{kind}" if kind else ours, shape[::-1] if ours in ("visual.proj", "text_projection") else shape, to, slice(None)))
    left = set(state)
    for ours, shape, theirs, rows in names:
        value = torch.from_numpy(np.array(filled(ours, shape)))
        value = value.T if ours in ("visual.proj", "text_projection") else value[rows] if rows != slice(None) else value
        assert state[theirs].shape == value.shape, (theirs, state[theirs].shape, value.shape)
        state[theirs].copy_(value)
        left.discard(theirs)
    assert not [name for name in left if not name.endswith("position_ids")], left
    return model


def own_name(name):
    """PEFT's parameter as our adapters name it."""
    path, kind = name.removeprefix("base_model.model.").split(".default", 1)[0].rsplit(".", 1)
    tower, _, _, layer, module = path.split(".", 4)
    inside = {"self_attn.out_proj": "attn.out_proj.weight", "mlp.fc1": "mlp.c_fc.weight", "mlp.fc2": "mlp.c_proj.weight"}.get(module, "attn.in_proj_weight")
    prefix = "visual.transformer" if tower == "vision_model" else "transformer"
    return f"adapter.{prefix}.resblocks.{layer}.{inside}.{PARTS[module.split('.')[-1]]}.{kind}"


def fill_adapters(case, model):
    """Every parameter of the adapters in closed form; lengths stay near what they are."""
    found = {}
    for name, value in model.named_parameters():
        if not value.requires_grad:
            continue
        ours = own_name(name)
        amplitude, offset = (0.3, 0.0) if "magnitude" not in name else (0.2, 1.0)
        drawn = torch.from_numpy(uniform(f"peft/{case}/{ours}", tuple(value.shape), amplitude, offset))
        value.data = value.data * drawn if "magnitude" in name else drawn
        found[ours] = value
    return found


def loss_of(output, scale):
    logits = scale.exp() * output.image_embeds @ output.text_embeds.T
    labels = torch.arange(BATCH)
    return (torch.nn.functional.cross_entropy(logits, labels) + torch.nn.functional.cross_entropy(logits.T, labels)) / 2


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    place = os.path.join(os.path.dirname(args.out), "peft")
    images, rows = torch.from_numpy(pixels("peft", (BATCH, 3, 32, 32))), tiny_tokens("peft", BATCH)
    tensors, losses = {}, {}
    for case, config in CASES.items():
        wrapped = peft.get_peft_model(build(), config())
        base = wrapped.base_model.model
        for which, shape in SHARED.get(case, {}).items():
            with torch.no_grad():
                getattr(wrapped.base_model, which)["default"].data.copy_(torch.from_numpy(uniform(f"peft/{case}/{which}", shape, 1.0)))
        own = fill_adapters(case, wrapped)
        output = base(input_ids=torch.tensor(rows), pixel_values=images)
        loss = loss_of(output, base.logit_scale)
        gradients = torch.autograd.grad(loss, list(own.values()))
        losses[case] = float(loss.detach())
        tensors[f"{case}/image"] = output.image_embeds.detach().numpy()
        tensors[f"{case}/text"] = output.text_embeds.detach().numpy()
        for name, gradient in zip(own, gradients):
            tensors[f"{case}/gradient/{name}"] = gradient.numpy()
        print(case, len(own), f"loss {losses[case]:.6f}")
        if not args.only:
            folder = os.path.join(place, case)
            wrapped.save_pretrained(folder)
            os.remove(os.path.join(folder, "README.md"))
            path = os.path.join(folder, "adapter_config.json")
            with open(path, encoding="utf-8") as file:
                told = json.load(file)
            told["target_modules"] = sorted(told["target_modules"])
            with open(path, "w", encoding="utf-8") as file:
                json.dump(told, file, indent=2, sort_keys=True)
                file.write("\n")
    if args.only:
        return
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, os.path.join(place, "cases.safetensors"))
    write_json(os.path.join(place, "cases.json"), {
        "peft": peft.__version__, "torch": torch.__version__.split("+")[0], "transformers": transformers.__version__,
        "tolerance": {"feature": 1e-5, "gradient": 1e-5}, "config": TINY_VIT, "batch": BATCH, "pixels": ["peft", [BATCH, 3, 32, 32]], "ids": rows, "losses": losses})


if __name__ == "__main__":
    main()
