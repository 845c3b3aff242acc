"""Ten steps of OpenCLIP's training loop from filled weights: test/vectors/model/{training.json,training-tiny-vit.safetensors}.

usage: python training.py [--out FOLDER]
"""
import os

import numpy as np
import open_clip
import torch
from open_clip.loss import ClipLoss
from safetensors.numpy import save_file

from common.configs import SMALL, build, captions
from common.filled import arguments, load, pixels, tiny_tokens, write_json
from common.train_loop import BETAS, CLIP, DECAY, EPS, FixedBatch, key_biases, summary, train

# loss: absolute, times the loss where that is above 1
TOLERANCE = {"loss": 1e-6, "gradientRelative": 1e-5, "normRelative": 1e-5, "weightsRelative": 1e-5, "movementRelative": 1e-3, "bf16Loss": 2e-2}
BATCH, STEPS, LR = 24, 10, 1e-4

# name: model, learning rate, and what differs from the plain case
CASES = {
    "tiny-vit": {"model": "tiny-vit", "lr": LR, "gradients": {}},
    "tiny-vit-warmup": {"model": "tiny-vit", "lr": LR, "warmup": 4},
    # at a scale of 100 rounding is 100 times larger: float32 and float64 differ by 2.5e-5 in a loss
    "tiny-vit-clamp": {"model": "tiny-vit", "lr": LR, "start": {"logit_scale": 4.7},
                       "tolerance": {"loss": 2e-5, "normRelative": 1e-4, "weightsRelative": 2e-5, "movementRelative": 2e-2}},
    "tiny-vit-accumulate": {"model": "tiny-vit", "lr": LR, "parts": 3},
    "tiny-vit-accumulate-exact": {"model": "tiny-vit", "lr": LR, "parts": 3, "dividedScaleGradient": True},
    "tiny-vit-bf16": {"model": "tiny-vit", "lr": LR, "steps": 3, "precision": "amp_bf16"},
    # batch norm over 24 rows and ReLU kinks: PyTorch with one thread and with two differ by 3e-3 of a tensor's movement here, and by 4.5e-5 of
    # the norm at step 5, where one thread and float64 agree
    "tiny-resnet": {"model": "tiny-resnet", "lr": LR, "gradients": {}, "steps": 5, "tolerance": {"movementRelative": 2e-2, "normRelative": 1e-4}},
    # at 1e-4 these weights overshoot and rounding grows to 8e-6 of a loss in ten steps
    "ViT-S-32": {"model": "ViT-S-32", "lr": 1e-5},
}


def run(case, texts):
    config = SMALL.get(case["model"]) or open_clip.get_model_config(case["model"])
    model = build(config)
    load(model, case.get("start"))
    size = config["vision_cfg"]["image_size"]
    images = torch.from_numpy(pixels("train", (BATCH, 3, size, size)))
    ids = torch.tensor(tiny_tokens("train", BATCH)) if case["model"] in SMALL else texts
    start = {name: value.numpy().astype(np.float64) for name, value in model.state_dict().items()}
    parts = case.get("parts", 1)
    if case.get("dividedScaleGradient"):
        # OpenCLIP adds the whole logit-scale gradient once for every micro-batch; divided, accumulation is the plain step
        model.logit_scale.register_hook(lambda gradient: gradient / parts)
    steps = case.get("steps", STEPS)
    batch = FixedBatch(images, ids, steps, parts)
    kept = train(model, ClipLoss(), batch, case["lr"], case.get("warmup", 0), case.get("precision", "fp32"), case.get("gradients"))
    return model, start, {**case, "steps": steps, "batch": BATCH, "pixels": ["train", [BATCH, 3, size, size]], **kept}


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    texts = open_clip.get_tokenizer("ViT-S-32")(captions())
    cases, weights, batches, biases = {}, {}, {}, {}
    plain = None
    for name, case in CASES.items():
        if args.only and name != args.only:
            continue
        model, start, record = run(case, texts)
        if name == "tiny-vit":
            weights = {key: np.ascontiguousarray(value.numpy()) for key, value in model.state_dict().items()}
            plain = record["losses"]
        if name == "tiny-vit-accumulate-exact" and plain:
            worst = max(abs(a - b) for a, b in zip(plain, record["losses"][::3]))
            print(f"accumulation against the plain run, largest loss difference {worst:.1e}")
            assert worst < 1e-6
        cases[name] = record if "precision" in case else {**record, "tensors": summary(model, start)}
        biases[case["model"]] = key_biases(model)
        batches[case["model"]] = (tiny_tokens("train", BATCH) if case["model"] in SMALL else texts.tolist())
        print(name, "losses", " ".join(f"{x:.6f}" for x in record["losses"][:: case.get("parts", 1)]), "norms",
              " ".join(f"{x:.3f}" for x in record["gradientNorms"]), "scale", " ".join(f"{x:.4f}" for x in record["logitScales"][-2:]), flush=True)
    if args.only:
        return
    os.makedirs(args.out, exist_ok=True)
    save_file(weights, os.path.join(args.out, "training-tiny-vit.safetensors"))
    write_json(os.path.join(args.out, "training.json"), {
        "open_clip": open_clip.__version__, "torch": torch.__version__.split("+")[0], "tolerance": TOLERANCE,
        "optimizer": {"betas": BETAS, "eps": EPS, "weightDecay": DECAY, "clipGradNorm": CLIP, "clampLogitScale": [0, "ln 100"]},
        "zeroGradient": biases, "ids": batches, "cases": cases})


if __name__ == "__main__":
    main()
