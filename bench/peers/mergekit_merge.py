"""mergekit as the other side of bench/merge.mjs: a child that reads one JSON object a line and answers one.

  {"do": "merge", "operator": {"name": NAME, ...}, "models": [FILE, ...], "base": FILE?, "out": FOLDER, "dtype": TYPE, "threads": N}
                  what the command mergekit-pytorch does, in float32 as ours, written as TYPE and made durable as ours is
  {"do": "stop"}

Every answer holds "peakBytes", the most resident memory so far. A failure answers {"error": TEXT}.
"""
import json
import os
import resource
import sys
import time

import torch
from mergekit.graph import Executor
from mergekit.options import MergeOptions
from mergekit.scripts.merge_raw_pytorch import RawPyTorchMergeConfig, plan_flat_merge


def merge(command):
    torch.set_num_threads(command["threads"])
    operator = dict(command["operator"])
    config = {
        "merge_method": operator.pop("name"),
        "models": [{"model": model, "parameters": {"weight": 1.0}} for model in command["models"]],
        "parameters": operator,
        "dtype": "float32",
        "out_dtype": command["dtype"],
    }
    if "base" in command:
        config["base_model"] = command["base"]
    began = time.perf_counter()
    options = MergeOptions(out_shard_size=1 << 40, quiet=True)
    tasks = plan_flat_merge(RawPyTorchMergeConfig.model_validate(config), command["out"], False, False, options)
    Executor(tasks, math_device="cpu", storage_device="cpu").execute()
    for name in os.listdir(command["out"]):
        file = os.open(os.path.join(command["out"], name), os.O_RDONLY)
        os.fsync(file)
        os.close(file)
    return {"seconds": time.perf_counter() - began}


def main():
    # Answers keep the real stdout; whatever a library prints goes to stderr.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "stop":
            break
        try:
            answer = merge(command)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps({**answer, "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
