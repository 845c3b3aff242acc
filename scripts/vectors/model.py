"""Embeddings of OpenCLIP models with filled weights: test/vectors/model/{models.json,small.safetensors,large.safetensors}.

usage: python model.py [--out FOLDER]
"""
import hashlib
import os

import numpy as np
import open_clip
import torch
from safetensors.numpy import save_file

from common.configs import LARGE, SMALL, TEXTS, build
from common.filled import arguments, load, pixels, tiny_tokens, write_json

# embeddings of unit length, absolute; everything else relative to the largest entry of its tensor
TOLERANCE = {"normalised": 1e-5, "relative": 1e-5}


def hooks_into(store):
    """Records a module's output under a name."""
    return lambda key: lambda _module, _input, output: store.__setitem__(key, output.detach())


def watch(model, store):
    """Hooks after every block, so that the first wrong one is found."""
    record = hooks_into(store)
    handles = []
    visual = model.visual
    if hasattr(visual, "transformer"):
        handles.append(visual.ln_pre.register_forward_hook(record("image.ln_pre")))
        for i, block in enumerate(visual.transformer.resblocks):
            handles.append(block.register_forward_hook(record(f"image.block.{i}")))
    else:
        handles.append(visual.avgpool.register_forward_hook(record("image.stem")))
        for i in range(1, 5):
            handles.append(getattr(visual, f"layer{i}").register_forward_hook(record(f"image.layer{i}")))
    for i, block in enumerate(model.transformer.resblocks):
        handles.append(block.register_forward_hook(record(f"text.block.{i}")))
    handles.append(model.ln_final.register_forward_hook(record("text.ln_final")))
    return handles


@torch.no_grad()
def embed(model, images, ids, small):
    model.eval()
    store = {}
    handles = watch(model, store) if small else []
    image, text = model.encode_image(images), model.encode_text(ids)
    for handle in handles:
        handle.remove()
    store["image.features"], store["text.features"] = image, text
    store["image.normalised"] = torch.nn.functional.normalize(image, dim=-1)
    store["text.normalised"] = torch.nn.functional.normalize(text, dim=-1)
    store["logit_scale"] = model.logit_scale.exp()
    return {key: np.ascontiguousarray(value.numpy().astype(np.float32)) for key, value in store.items()}


def clip_model_embeddings(model, config, images, ids):
    """The same through transformers' CLIPModel: an implementation by others, with its own names."""
    from transformers import CLIPConfig, CLIPModel

    vision, text = config["vision_cfg"], config["text_cfg"]
    act = "quick_gelu" if config.get("quick_gelu") else "gelu"
    tower = lambda width, layers, heads: {
        "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": 4 * width, "hidden_act": act}
    other = CLIPModel(CLIPConfig(
        projection_dim=config["embed_dim"],
        vision_config={**tower(vision["width"], vision["layers"], vision["width"] // vision["head_width"]),
                       "image_size": vision["image_size"], "patch_size": vision["patch_size"]},
        text_config={**tower(text["width"], text["layers"], text["heads"]), "vocab_size": text["vocab_size"],
                     "max_position_embeddings": text["context_length"], "bos_token_id": 0, "eos_token_id": 2},
    )).eval()
    state = model.state_dict()
    renamed = {"logit_scale": state["logit_scale"], "visual_projection.weight": state["visual.proj"].T,
               "text_projection.weight": state["text_projection"].T}
    plain = {"visual.conv1.": "vision_model.embeddings.patch_embedding.", "visual.class_embedding": "vision_model.embeddings.class_embedding",
             "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight", "visual.ln_pre.": "vision_model.pre_layrnorm.",
             "visual.ln_post.": "vision_model.post_layernorm.", "token_embedding.": "text_model.embeddings.token_embedding.",
             "positional_embedding": "text_model.embeddings.position_embedding.weight", "ln_final.": "text_model.final_layer_norm."}
    inner = {"ln_1.": "layer_norm1.", "ln_2.": "layer_norm2.", "attn.out_proj.": "self_attn.out_proj.", "mlp.c_fc.": "mlp.fc1.", "mlp.c_proj.": "mlp.fc2."}
    for name, value in state.items():
        if "resblocks." in name:
            tower_name = "vision_model" if name.startswith("visual.") else "text_model"
            index, rest = name.split("resblocks.")[1].split(".", 1)
            prefix = f"{tower_name}.encoder.layers.{index}."
            if rest.startswith("attn.in_proj_"):
                for part, piece in zip("qkv", value.chunk(3)):
                    renamed[f"{prefix}self_attn.{part}_proj.{rest[len('attn.in_proj_'):]}"] = piece
            else:
                old = next(key for key in inner if rest.startswith(key))
                renamed[prefix + inner[old] + rest[len(old):]] = value
        else:
            old = next((key for key in plain if name.startswith(key)), None)
            if old:
                renamed[plain[old] + name[len(old):]] = value
    report = other.load_state_dict({key: value.clone() for key, value in renamed.items()}, strict=False)
    left = [name for name in [*report.missing_keys, *report.unexpected_keys] if "position_ids" not in name]
    assert not left, f"names that did not map: {left}"
    with torch.no_grad():
        output = other(input_ids=ids, pixel_values=images)
    return output.image_embeds.numpy(), output.text_embeds.numpy()


def digest(model):
    """Of all filled values in the model's order, little-endian: the twin of the recipe must give the same bits."""
    sha = hashlib.sha256()
    for value in model.state_dict().values():
        sha.update(np.ascontiguousarray(value.numpy()).tobytes())
    return sha.hexdigest()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    models, small, large = {}, {}, {}
    tokenize = open_clip.get_tokenizer("ViT-B-32")
    for name in [*SMALL, *LARGE]:
        if args.only and name != args.only:
            continue
        config = SMALL.get(name) or open_clip.get_model_config(name)
        model = build(config)
        shapes = load(model)
        size = config["vision_cfg"]["image_size"]
        ids = torch.tensor(tiny_tokens("embed", 2)) if name in SMALL else tokenize(TEXTS)
        images = torch.from_numpy(pixels("embed", (2, 3, size, size)))
        result = embed(model, images, ids, name in SMALL)
        if name.startswith("tiny-vit"):
            for mine, theirs in zip(("image", "text"), clip_model_embeddings(model, config, images, ids)):
                worst = float(np.abs(result[f"{mine}.normalised"] - theirs).max())
                print(f"{name}: {mine} against transformers, largest difference {worst:.1e}")
                assert worst < 1e-5
        (small if name in SMALL else large).update({f"{name}/{key}": value for key, value in result.items()})
        models[name] = {"config": config, "parameters": sum(p.numel() for p in model.parameters()), "pixels": ["embed", [2, 3, size, size]],
                        "ids": ids.tolist(), "sha256": {"state": digest(model), "pixels": hashlib.sha256(images.numpy().tobytes()).hexdigest()},
                        "shapes": shapes}
        cosine = [float(result[f"{t}.normalised"][0] @ result[f"{t}.normalised"][1]) for t in ("image", "text")]
        print(f"{name}: {models[name]['parameters']} parameters, cosines of the two rows {cosine[0]:.3f} {cosine[1]:.3f}, "
              f"largest feature {np.abs(result['image.features']).max():.2f} {np.abs(result['text.features']).max():.2f}", flush=True)
    if args.only:
        return
    os.makedirs(args.out, exist_ok=True)
    save_file(small, os.path.join(args.out, "small.safetensors"))
    save_file(large, os.path.join(args.out, "large.safetensors"))
    write_json(os.path.join(args.out, "models.json"), {"open_clip": open_clip.__version__, "torch": torch.__version__.split("+")[0],
                                                        "texts": TEXTS, "tolerance": TOLERANCE, "models": models})


if __name__ == "__main__":
    main()
