"""Runs OpenCLIP's own train_one_epoch on one fixed batch and keeps what it did."""
import contextlib
import logging
from types import SimpleNamespace
from unittest import mock

import numpy as np
import torch
from open_clip_train.scheduler import const_lr
from open_clip_train.train import train_one_epoch

from common.filled import sketch

FIRST = 16
BETAS, EPS, DECAY, CLIP = (0.9, 0.98), 1e-6, 0.2, 1.0


class FixedBatch:
    """The loader OpenCLIP expects: `steps` times the same batch, in micro-batches."""

    def __init__(self, images, texts, steps, parts):
        self.parts = list(zip(images.chunk(parts), texts.chunk(parts)))
        self.num_batches, self.num_samples = steps * parts, steps * len(images)
        self.steps = steps

    def __iter__(self):
        return (part for _ in range(self.steps) for part in self.parts)


def optimizer_for(model, lr):
    """OpenCLIP's two groups (open_clip_train/main.py): no decay for what is one-dimensional or named bn, ln, bias or logit_scale."""
    exclude = lambda n, p: p.ndim < 2 or "bn" in n or "ln" in n or "bias" in n or "logit_scale" in n
    named = list(model.named_parameters())
    return torch.optim.AdamW(
        [{"params": [p for n, p in named if exclude(n, p)], "weight_decay": 0.0},
         {"params": [p for n, p in named if not exclude(n, p)], "weight_decay": DECAY}],
        lr=lr, betas=BETAS, eps=EPS)


def train(model, loss, batch, lr, warmup=0, precision="fp32", gradients=None):
    """{losses, learning rates, norms before clipping, logit scale (its logarithm) after every step}

    `gradients`: a dict that receives a description of every gradient of the first step, before clipping.
    """
    kept = {"losses": [], "learningRates": [], "gradientNorms": [], "logitScales": []}
    optimizer = optimizer_for(model, lr)
    schedule = const_lr(optimizer, lr, warmup, batch.steps)
    clip = torch.nn.utils.clip_grad_norm_

    def recorded_loss(**inputs):
        result = loss(**inputs)
        kept["losses"].append(float(next(iter(result.values())).detach()))
        return result

    def recorded_clip(*inputs, **options):
        if gradients is not None and not gradients:
            gradients.update({name: describe(name, p.grad.numpy(), key_biases(model)) for name, p in model.named_parameters()})
        kept["gradientNorms"].append(float(clip(*inputs, **options)))
        if len(kept["gradientNorms"]) > 1:  # the clamp comes after the step, so it is read at the next one
            kept["logitScales"].append(float(model.logit_scale.detach()))

    # every step ends with the same parts, so the micro-batches of one step are the accumulation of one step
    args = SimpleNamespace(
        device="cpu", precision=precision, accum_freq=len(batch.parts), distill=False, skip_scheduler=False, grad_clip_norm=CLIP, horovod=False,
        rank=0, world_size=1, batch_size=len(batch.parts[0][0]), log_every_n_steps=1000, wandb=False)
    data = {"train": SimpleNamespace(set_epoch=lambda _epoch: None, dataloader=batch)}
    adjust = lambda step: kept["learningRates"].append(schedule(step)) if len(kept["learningRates"]) <= step else schedule(step)
    logging.disable(logging.INFO)
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch("torch.nn.utils.clip_grad_norm_", recorded_clip))
        train_one_epoch(model, data, recorded_loss, 0, optimizer, None, adjust, None, args)
    kept["logitScales"].append(float(model.logit_scale.detach()))
    return kept


def describe(name, values, ranges):
    values = without(name, values, ranges)
    return {"norm": float(np.linalg.norm(values.astype(np.float64))), "first": values.reshape(-1)[:FIRST].tolist(), "sketch": sketch(name, values)}


def summary(model, start):
    """For each tensor: L2 norm and sum of its end value, its first entries, and of its movement the norm and a sketch.

    Movements and gradients leave out the ranges of key_biases, which hold rounding noise.
    """
    result, ranges = {}, key_biases(model)
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            end = value.numpy().astype(np.float64)
            moved = without(name, end - start[name], ranges)
            result[name] = {"norm": float(np.linalg.norm(end)), "sum": float(end.sum()), "first": value.reshape(-1)[:FIRST].tolist(),
                            "moved": float(np.linalg.norm(moved)), "sketch": sketch(name, moved)}
    return result


def without(name, values, ranges):
    values = values.copy()
    for other, first, last in ranges:
        if other == name:
            values[first:last] = 0
    return values


def key_biases(model):
    """Tensors of which a part has a true gradient of zero (a key's bias adds the same to every logit of a row): [name, from, to]."""
    ranges = []
    for name, value in model.state_dict().items():
        if name.endswith("in_proj_bias"):
            ranges.append([name, len(value) // 3, 2 * len(value) // 3])
        elif name.endswith("attnpool.k_proj.bias"):
            ranges.append([name, 0, len(value)])
    return ranges
