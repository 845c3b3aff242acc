"""Merges by mergekit's own methods on small tensors: test/vectors/merge/{mergekit.json,mergekit.safetensors}.

The inputs are closed forms, so only what mergekit makes of them is stored, with the options of ours that mean the same.
What it draws by lot it draws here by our masks.

usage: python merging.py [--out FOLDER]
"""
import hashlib
import importlib.metadata
import os
from unittest import mock

import numpy as np
import torch
from safetensors.numpy import save_file

from common.filled import arguments, uniform, write_json
from mergekit.merge_methods.api import merge_tensors

SHAPES = {"matrix": (20, 12), "vector": (40,), "scalar": ()}
LARGE = ("matrix", "vector")
SEED = 7


def model(kind, tensor, i):
    """Model i of some kind, or its base (i = -1), float32.

    trained: the base, a part that all models share, and one of their own; near: the base and a thousandth; turned: one tensor, its entries moved on
    by i places, so that all models have one length.
    """
    shape = SHAPES[tensor]
    base = uniform(f"merge/{tensor}/base", shape, 0.5, 0.25)
    if kind == "turned":
        return np.roll(base.reshape(-1), 3 * (i + 1)).reshape(shape)
    if i < 0:
        return base
    own = uniform(f"merge/{tensor}/{i}", shape, 0.001 if kind == "near" else 0.2)
    return base + own if kind == "near" else base + (uniform(f"merge/{tensor}/shared", shape, 0.2) + own)


def case(method, count, ours, *, parameters=None, base=True, kind="trained", tensors=tuple(SHAPES)):
    return {"method": method, "count": count, "parameters": parameters or {}, "base": base, "kind": kind, "tensors": list(tensors), "ours": ours}


def weighted(name, weights, normalize=False, **options):
    return {"operator": {"name": name, **options}, "weights": {"each": weights, **({"normalize": True} if normalize else {})}}


def plain(name, **options):
    return {"operator": {"name": name, **options}}


ONES = {2: [1.0] * 2, 3: [1.0] * 3, 5: [1.0] * 5}
CASES = {
    "linear/2": case("linear", 2, weighted("linear", [0.3, 0.7]), parameters={"weight": [0.3, 0.7]}, base=False),
    "linear/5": case("linear", 5, weighted("linear", [1, 3, 2, 2.5, 1.5], True), parameters={"weight": [1, 3, 2, 2.5, 1.5]}, base=False),
    # There the base is the first of the two.
    "slerp/0.3": case("slerp", 2, weighted("slerp", [0.7, 0.3]), parameters={"t": 0.3}, base=0),
    "slerp/0.75": case("slerp", 2, weighted("slerp", [0.25, 0.75]), parameters={"t": 0.75}, base=0),
    "slerp/parallel": case("slerp", 2, weighted("slerp", [0.6, 0.4]), parameters={"t": 0.4}, base=0, kind="near"),
    "slerp/turned": case("slerp", 2, weighted("slerp", [0.6, 0.4]), parameters={"t": 0.4}, base=0, kind="turned", tensors=LARGE),
    "nuslerp/2": case("nuslerp", 2, weighted("slerp", [1, 3], True), parameters={"weight": [1, 3]}, base=False, kind="turned", tensors=LARGE),
    "multislerp/2": case("multislerp", 2, weighted("multislerp", [0.5, 0.5]), parameters={"weight": [1, 1]}, base=False, kind="turned", tensors=LARGE),
    "karcher/3": case("karcher", 3, plain("multislerp"), parameters={"max_iter": 50, "tol": 1e-7}, base=False, kind="turned", tensors=LARGE),
    "karcher/5": case("karcher", 5, plain("multislerp"), parameters={"max_iter": 50, "tol": 1e-7}, base=False, kind="turned", tensors=LARGE),
    "task_arithmetic/2": case("task_arithmetic", 2, plain("task-arithmetic"), parameters={"weight": ONES[2]}),
    "task_arithmetic/3": case(
        "task_arithmetic", 3, weighted("task-arithmetic", [0.5, -0.25, 1], **{"lambda": 0.7}), parameters={"weight": [0.5, -0.25, 1], "lambda": 0.7}),
    "ties/2": case("ties", 2, plain("ties", remove=0.5, scope="tensor"), parameters={"weight": ONES[2], "density": 0.5}, tensors=LARGE),
    "ties/3": case(
        "ties", 3, plain("ties", remove=0.8, scope="tensor", **{"lambda": 0.4}), parameters={"weight": ONES[3], "density": 0.2, "lambda": 0.4}, tensors=LARGE),
    "ties/5": case("ties", 5, plain("ties", remove=0.25, scope="tensor"), parameters={"weight": ONES[5], "density": 0.75}, tensors=LARGE),
    "ties/sum": case(
        "ties", 3, weighted("ties", [0.5, 1.5, 0.75], remove=0.5, merge="sum", scope="tensor"),
        parameters={"weight": [0.5, 1.5, 0.75], "density": 0.5, "normalize": False}, tensors=LARGE),
    "dare_linear/3": case(
        "dare_linear", 3, weighted("dare", [1, 0.5, 2], remove=0.75, **{"lambda": 0.25 * 0.8}),
        parameters={"weight": [1, 0.5, 2], "density": 0.25, "rescale": False, "lambda": 0.8}, tensors=LARGE),
    "dare_linear/dense": case("dare_linear", 2, plain("dare", remove=0), parameters={"weight": ONES[2], "density": 1}),
    "dare_ties/3": case(
        "dare_ties", 3, plain("dare-ties", remove=0.5, merge="sum", scope="tensor", **{"lambda": 0.5}),
        parameters={"weight": ONES[3], "density": 0.5, "rescale": False}, tensors=LARGE),
    "breadcrumbs/3": case(
        "breadcrumbs", 3, weighted("breadcrumbs", [1, 0.5, 2], remove=0.45, top=0.05),
        parameters={"weight": [1, 0.5, 2], "density": 0.5, "gamma": 0.05}, tensors=LARGE),
    "breadcrumbs_ties/sum": case(
        "breadcrumbs_ties", 3, plain("breadcrumbs-ties", remove=0.2, top=0.1, merge="sum", scope="tensor"),
        parameters={"weight": ONES[3], "density": 0.7, "gamma": 0.1}, tensors=LARGE),
    "breadcrumbs_ties/mean": case(
        "breadcrumbs_ties", 5, plain("breadcrumbs-ties", remove=0.45, top=0.05, scope="tensor"),
        parameters={"weight": ONES[5], "density": 0.5, "gamma": 0.05, "normalize": True}, tensors=LARGE),
    "model_stock/2": case("model_stock", 2, plain("model-stock"), tensors=LARGE),
    "model_stock/3": case("model_stock", 3, plain("model-stock"), tensors=LARGE),
    "model_stock/5": case("model_stock", 5, plain("model-stock"), tensors=LARGE),
}


def philox(counter, key):
    """Philox 4x32-10 of counters [4, N], uint64 throughout; the first word of each."""
    low = np.uint64(0xFFFFFFFF)
    c, (k0, k1) = list(counter), key
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(b >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), b & low, (a >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), a & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c[0]


def kept(size, start, i, density):
    """1 for the entries of model i that our draws keep; `start` entries of the tower come before the tensor."""
    digest = hashlib.sha256(f"evergreen/1/{SEED}/merge/dare".encode()).digest()
    key = int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little")
    zeros = np.zeros(size, np.uint64)
    words = philox([zeros, np.arange(start, start + size, dtype=np.uint64), zeros + np.uint64(i), zeros], key)
    return ((words >> np.uint64(8)).astype(np.float64) * 2.0**-24 >= 1 - density).astype(np.float32)


def merged(spec):
    """{tensor: what mergekit gives}"""
    results, start = {}, 0
    for tensor in spec["tensors"]:
        models = [torch.from_numpy(np.array(model(spec["kind"], tensor, i))) for i in range(spec["count"])]
        base = spec["base"]
        if base is True:  # a base beside the models
            models, base = [*models, torch.from_numpy(np.array(model(spec["kind"], tensor, -1)))], spec["count"]
        drawn = iter(range(spec["count"]))
        begin = start

        def bernoulli(probabilities):
            i = next(drawn)
            return torch.from_numpy(kept(probabilities.numel(), begin, i, float(probabilities.reshape(-1)[0]))).reshape(probabilities.shape)

        with mock.patch("torch.bernoulli", bernoulli):
            result = merge_tensors(models, spec["method"], parameters=spec["parameters"], base_index=None if base is False else base, name=tensor)
        results[tensor] = result.numpy()
        start += models[0].numel()
    return results


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    place = os.path.join(os.path.dirname(args.out), "merge")
    tensors = {}
    for name, spec in CASES.items():
        for tensor, value in merged(spec).items():
            assert np.isfinite(value).all(), (name, tensor)
            tensors[f"{name}/{tensor}"] = np.ascontiguousarray(value)
        print(name, *(f"{tensor} {float(np.abs(tensors[f'{name}/{tensor}']).mean()):.4f}" for tensor in spec["tensors"]))
    if args.only:
        return
    os.makedirs(place, exist_ok=True)
    save_file(tensors, os.path.join(place, "mergekit.safetensors"))
    write_json(os.path.join(place, "mergekit.json"), {
        "mergekit": importlib.metadata.version("mergekit"), "torch": torch.__version__.split("+")[0], "tolerance": 1e-6, "seed": SEED,
        "shapes": {name: list(shape) for name, shape in SHAPES.items()}, "cases": CASES})


if __name__ == "__main__":
    main()
