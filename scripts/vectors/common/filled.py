"""Weights, pixels and token ids in closed form, so that a vector needs no stored input.

The twin of test/engine/filled-weights.ts: both give the same bits.

  mix(x)      32-bit: x ^= x>>16; x *= 0x7feb352d; x ^= x>>15; x *= 0x846ca68b; x ^= x>>16
  seed(name)  FNV-1a, 32-bit, over the UTF-8 bytes of the name
  h(name, i)  mix(mix(i) ^ seed(name))
  value       float32(offset + float32(s * float32(amplitude / 2^24))),  s = 2 * (h >> 8) + 1 - 2^24

s is an odd integer below 2^24 in size, so it is exact in float32 and each of the two float32 operations rounds once.
Values are uniform in (offset - amplitude, offset + amplitude); amplitude = sqrt(3 / fan_in) gives the deviation 1 / sqrt(fan_in).
"""
import argparse
import json
import math
import os

import numpy as np

LOGIT_SCALE = np.float32(2.6592600369327779)  # ln(1 / 0.07)
CHUNK = 1 << 20
SKETCHES = 8


def seed(name):
    value = 0x811C9DC5
    for byte in name.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return np.uint32(value)


def mix(x):
    """In place on a uint32 array; products wrap."""
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return x


def hashes(name, start, stop):
    return mix(mix(np.arange(start, stop, dtype=np.uint32)) ^ seed(name))


def uniform(name, shape, amplitude, offset=0.0):
    size = math.prod(shape)
    out = np.empty(size, np.float32)
    scale = np.float32(amplitude / 2**24)
    for start in range(0, size, CHUNK):
        stop = min(start + CHUNK, size)
        signed = (hashes(name, start, stop) >> np.uint32(8)).astype(np.int32) * 2 + (1 - 2**24)
        out[start:stop] = np.float32(offset) + signed.astype(np.float32) * scale
    return out.reshape(shape)


def recipe(name, shape):
    """(offset, amplitude) of a parameter, by the first rule that fits; names are OpenCLIP's."""
    if name.endswith("running_mean"):
        return 0.0, 0.1
    if name.endswith("running_var"):
        return 1.0, 0.5
    if name.endswith(("bias", "in_proj_bias")):
        return 0.0, 0.05
    if name == "visual.class_embedding":
        return 0.0, math.sqrt(3.0 / shape[0])
    if len(shape) == 1:  # norms; the last one of a residual branch is small, or sixteen blocks would overflow the pooling
        return (0.25, 0.05) if name.endswith("bn3.weight") else (1.0, 0.2)
    if name == "token_embedding.weight":
        return 0.0, 0.04
    if name == "positional_embedding":
        return 0.0, 0.02
    if name in ("visual.proj", "text_projection"):
        return 0.0, math.sqrt(3.0 / shape[0])
    if len(shape) == 4:  # before a ReLU: twice the variance
        return 0.0, math.sqrt(6.0 / (shape[1] * shape[2] * shape[3]))
    # what a block adds to the stream is small, as in a fresh or a trained model: losses of ten steps then repeat to 1e-6 in float32
    gain = 0.25 if name.endswith(("out_proj.weight", "mlp.c_proj.weight")) else 1.0
    return 0.0, gain * math.sqrt(3.0 / shape[1])


def filled(name, shape):
    if name == "logit_scale":
        return np.array(LOGIT_SCALE)
    if name == "logit_bias":
        return np.array(-10.0, np.float32)
    if name.endswith("num_batches_tracked"):
        return np.array(0, np.int64)
    offset, amplitude = recipe(name, shape)
    return uniform(name, shape, amplitude, offset)


def pixels(name, shape):
    """A normalised image batch [B, 3, S, S]: a 4 x 4 grid of colours, uniform in +-1.5, and noise in every pixel, uniform in +-1; one float32 sum."""
    noise = uniform(f"pixels/{name}/noise", shape, 1.0)
    cells = uniform(f"pixels/{name}/cells", (shape[0], shape[1], 4, 4), 1.5)
    side = shape[2] // 4
    return noise + cells.repeat(side, axis=2).repeat(side, axis=3)


def tiny_tokens(name, count, context=16, vocabulary=512):
    """[count, context]: start, 3 to context - 2 words, end (the largest id), zeros."""
    rows = []
    for row in range(count):
        h = [int(x) for x in hashes(f"tokens/{name}/{row}", 0, context)]
        length = 3 + h[0] % (context - 4)
        words = [1 + x % (vocabulary - 3) for x in h[1 : length + 1]]
        rows.append([vocabulary - 2, *words, vocabulary - 1] + [0] * (context - 2 - length))
    return rows


def sketch(name, difference):
    """Eight sums of the entries under signs from h("sketch/" + name, i) (bit k set: minus), in float64.

    For two vectors the mean square of the differences of their sketches is an unbiased estimate of the squared distance,
    so a tensor too large to store can still be compared as a whole.
    """
    flat = difference.reshape(-1)
    sums = np.zeros(SKETCHES)
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK].astype(np.float64)
        bits = hashes(f"sketch/{name}", start, start + part.size)
        for k in range(SKETCHES):
            sums[k] += part @ (1.0 - 2.0 * ((bits >> np.uint32(k)) & np.uint32(1)))
    return sums.tolist()


def load(model, overrides=None):
    """Fills every parameter and buffer of an OpenCLIP model in place; returns [name, shape] in the model's order."""
    import torch

    shapes = []
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            value = (overrides or {}).get(name)
            array = filled(name, tuple(tensor.shape)) if value is None else np.float32(value)
            tensor.copy_(torch.from_numpy(np.asarray(array)).reshape(tensor.shape))
            shapes.append([name, list(tensor.shape)])
    return shapes


def arguments():
    """--out FOLDER (default: where the stored vectors are), --threads N, --only NAME (a quick look, which writes nothing)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default=os.path.join(os.path.dirname(__file__), "../../../test/vectors/model"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only")
    return parser.parse_args()


def write_json(path, value):
    """One key a line at the top two levels, so that a change reads well."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    compact = lambda item: json.dumps(item, separators=(",", ":"))
    lines = []
    for key, item in value.items():
        if isinstance(item, dict):
            inner = ",\n".join(f"  {compact(k)}: {compact(v)}" for k, v in item.items())
            lines.append(f" {compact(key)}: {{\n{inner}\n }}")
        else:
            lines.append(f" {compact(key)}: {compact(item)}")
    with open(path, "w", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")
