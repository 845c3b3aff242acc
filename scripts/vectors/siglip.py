"""A model with a logit bias and the sigmoid loss: test/vectors/model/{siglip.json,siglip.safetensors}.

usage: python siglip.py [--out FOLDER]
"""
import os

import numpy as np
import open_clip
import torch
from open_clip.loss import SigLipLoss
from safetensors.numpy import save_file

from common.configs import SMALL, build
from common.filled import arguments, load, pixels, tiny_tokens, write_json
from common.train_loop import BETAS, CLIP, DECAY, EPS, FixedBatch, key_biases, summary, train
from model import TOLERANCE as EMBEDDING_TOLERANCE, embed
from training import TOLERANCE

BATCH, STEPS, LR = 24, 10, 1e-4
START = {"logit_scale": 2.302585092994046, "logit_bias": -10.0}  # SigLIP's own: ln 10 and -10


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    config = {**SMALL["tiny-vit"], "init_logit_scale": START["logit_scale"], "init_logit_bias": START["logit_bias"]}
    model = build(config)
    shapes = load(model, START)
    images, ids = torch.from_numpy(pixels("embed", (2, 3, 32, 32))), torch.tensor(tiny_tokens("embed", 2))
    tensors = {f"embed/{key}": value for key, value in embed(model, images, ids, False).items()}
    start = {name: value.numpy().astype(np.float64) for name, value in model.state_dict().items()}
    images, ids = torch.from_numpy(pixels("train", (BATCH, 3, 32, 32))), torch.tensor(tiny_tokens("train", BATCH))
    gradients = {}
    kept = train(model, SigLipLoss(), FixedBatch(images, ids, STEPS, 1), LR, gradients=gradients)
    tensors.update({f"end/{key}": np.ascontiguousarray(value.numpy()) for key, value in model.state_dict().items()})
    print("siglip losses", " ".join(f"{x:.6f}" for x in kept["losses"]), "scale", kept["logitScales"][-1], "bias", float(model.logit_bias.detach()))
    if args.only:
        return
    os.makedirs(args.out, exist_ok=True)
    save_file(tensors, os.path.join(args.out, "siglip.safetensors"))
    write_json(os.path.join(args.out, "siglip.json"), {
        "open_clip": open_clip.__version__, "torch": torch.__version__.split("+")[0], "tolerance": {**TOLERANCE, **EMBEDDING_TOLERANCE},
        "optimizer": {"betas": BETAS, "eps": EPS, "weightDecay": DECAY, "clipGradNorm": CLIP, "clampLogitScale": [0, "ln 100"]},
        "zeroGradient": key_biases(model), "ids": {"embed": tiny_tokens("embed", 2), "train": tiny_tokens("train", BATCH)},
        "case": {"config": config, "shapes": shapes, "start": START, "lr": LR, "steps": STEPS, "batch": BATCH,
                 "pixels": ["train", [BATCH, 3, 32, 32]], "gradients": gradients, **kept,
                 "tensors": summary(model, start)}})


if __name__ == "__main__":
    main()
