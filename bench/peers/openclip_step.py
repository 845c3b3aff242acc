"""OpenCLIP on PyTorch as the other side of a benchmark: a long-lived child that reads one JSON object a line and answers one.

  {"do": "start"}                            seconds from the start of this process until torch and open_clip were imported
  {"do": "model", "config": MODEL_CFG, "weights": FILE?, "threads": N, "precision": "fp32" | "bf16", "fused": BOOL,
   "lr": LR, "textLength": L?}               builds the model (open_clip's class) and its optimizer; FILE: safetensors, OpenCLIP names
  {"do": "batch", "file": FILE}              float32 "pixels" [B, 3, S, S] and int32 or int64 "ids" [B, context]
  {"do": "step"}                             one step of OpenCLIP's training loop on that batch
  {"do": "zeroShot", "images": N, "batch": B, "classes": FILE}   N images encoded (the batch's pixels, repeated), each classified
                                             among the classes whose ids [K, context] are in FILE
  {"do": "load", "folder": DIR, "size": S, "batch": B, "workers": W, "images": N}   N JPEG files through a DataLoader
  {"do": "stop"}

Every answer holds its settings, and "peakBytes", the most resident memory so far. A failure answers {"error": TEXT}.
A step is what open_clip_train/train.py does: zero_grad, forward, loss, backward, clip to norm 1, AdamW with decay 0.2 on matrices
alone, clamp of logit_scale. bf16 is its amp_bf16: autocast, float32 weights.
"""
import time

BORN = time.perf_counter()

import contextlib
import json
import math
import os
import resource
import sys

import torch
import torch.nn.functional as F
import open_clip
from open_clip.loss import ClipLoss
from open_clip.model import CLIP

IMPORTED = time.perf_counter()


def since_process_start():
    """Seconds since the kernel made this process, so that the interpreter's own start counts."""
    with open("/proc/self/stat", encoding="ascii") as file:
        ticks = int(file.read().rpartition(")")[2].split()[19])
    with open("/proc/uptime", encoding="ascii") as file:
        return float(file.read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")


UNTIL_IMPORTED = since_process_start() if sys.platform == "linux" else IMPORTED - BORN


def cut_text(model, length):
    """The same model for texts of at most `length` tokens: causal attention makes what is cut off irrelevant."""
    model.context_length = length
    model.positional_embedding = torch.nn.Parameter(model.positional_embedding.detach()[:length].clone())
    model.attn_mask = model.attn_mask[:length, :length].clone()


def optimizer_for(model, lr, fused):
    exclude = lambda n, p: p.ndim < 2 or "bn" in n or "ln" in n or "bias" in n or "logit_scale" in n
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    return torch.optim.AdamW(
        [{"params": [p for n, p in named if exclude(n, p)], "weight_decay": 0.0},
         {"params": [p for n, p in named if not exclude(n, p)], "weight_decay": 0.2}],
        lr=lr, betas=(0.9, 0.98), eps=1e-6, fused=fused)


class Peer:
    def __init__(self):
        self.settings = {}
        self.loss = ClipLoss()

    def autocast(self):
        return torch.autocast("cpu", dtype=torch.bfloat16) if self.settings["precision"] == "bf16" else contextlib.nullcontext()

    def start(self, _command):
        return {"seconds": UNTIL_IMPORTED}

    def model(self, command):
        begin = time.perf_counter()
        self.settings = {
            "threads": command.get("threads", 2), "precision": command.get("precision", "fp32"), "fused": bool(command.get("fused", False)),
            "lr": command.get("lr", 1e-5), "textLength": command.get("textLength"), "autocast": command.get("precision") == "bf16"}
        torch.set_num_threads(self.settings["threads"])
        self.net = CLIP(**command["config"], output_dict=True)
        if command.get("weights"):
            from safetensors.torch import load_file

            self.net.load_state_dict(load_file(command["weights"]), strict=True)
        if self.settings["textLength"]:
            cut_text(self.net, self.settings["textLength"])
        self.settings["textLength"] = self.net.context_length
        self.optimizer = optimizer_for(self.net, self.settings["lr"], self.settings["fused"])
        return {"seconds": time.perf_counter() - begin, "sinceProcessStart": since_process_start() if sys.platform == "linux" else None,
                "parameters": sum(p.numel() for p in self.net.parameters())}

    def batch(self, command):
        from safetensors.torch import load_file

        tensors = load_file(command["file"])
        ids = tensors["ids"].long()
        longest = int(ids.argmax(dim=1).max()) + 1
        if longest > self.net.context_length:
            raise ValueError(f"a text has {longest} tokens, the model was cut to {self.net.context_length}")
        self.pixels, self.ids = tensors["pixels"], ids[:, : self.net.context_length].contiguous()
        return {"pairs": len(self.ids), "longestText": longest}

    def step(self, _command):
        self.net.train()
        begin = time.perf_counter()
        self.optimizer.zero_grad()
        with self.autocast():
            loss = sum(self.loss(**self.net(self.pixels, self.ids), output_dict=True).values())
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0, norm_type=2.0)
        self.optimizer.step()
        with torch.no_grad():
            self.net.logit_scale.clamp_(0, math.log(100))
        value = loss.item()
        return {"seconds": time.perf_counter() - begin, "loss": value, "gradientNorm": norm.item()}

    @torch.no_grad()
    def zeroShot(self, command):
        from safetensors.torch import load_file

        self.net.eval()
        count, size = command["images"], command["batch"]
        ids = load_file(command["classes"])["ids"].long()[:, : self.net.context_length]
        pool = self.pixels
        hits = torch.zeros(len(ids), dtype=torch.long)
        begin = time.perf_counter()
        with self.autocast():
            classes = torch.cat([self.net.encode_text(part, normalize=True) for part in ids.split(size)]).T
        after_text = time.perf_counter()
        for first in range(0, count, size):
            rows = torch.arange(first, min(first + size, count)) % len(pool)
            with self.autocast():
                image = self.net.encode_image(pool[rows], normalize=True)
                logits = 100.0 * image @ classes
            hits += torch.bincount(logits.argmax(dim=1), minlength=len(ids))
        return {"seconds": time.perf_counter() - begin, "textSeconds": after_text - begin, "images": count, "batch": size, "classes": len(ids),
                "predictions": hits.tolist()}

    def load(self, command):
        from torch.utils.data import DataLoader

        data = JpegFolder(command["folder"], command["size"])
        loader = DataLoader(data, batch_size=command["batch"], num_workers=command["workers"], shuffle=False, drop_last=True,
                            persistent_workers=command["workers"] > 0)
        for _ in loader:  # workers start and files enter the page cache outside of the measurement
            break
        seen = 0
        begin = time.perf_counter()
        while seen < command["images"]:
            for images in loader:
                seen += len(images)
                if seen >= command["images"]:
                    break
        seconds = time.perf_counter() - begin
        return {"seconds": seconds, "images": seen, "imagesPerSecond": seen / seconds, "files": len(data), "size": command["size"],
                "batch": command["batch"], "workers": command["workers"], "decode": "Pillow, full size", "pillow": data.pillow}


class JpegFolder(torch.utils.data.Dataset):
    """OpenCLIP's training transform over the files of a folder."""

    def __init__(self, folder, size):
        import PIL

        self.pillow = PIL.__version__
        self.files = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.lower().endswith((".jpg", ".jpeg")))
        if not self.files:
            raise ValueError(f"no JPEG file in {folder}")
        self.transform = open_clip.image_transform(size, is_train=True)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        from PIL import Image

        with Image.open(self.files[index]) as image:
            return self.transform(image)


def peak_bytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def serve(peer, actions):
    versions = {"torch": torch.__version__, "open_clip": open_clip.__version__}
    # Answers keep the real stdout; whatever a library prints goes to stderr.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        command = json.loads(line)
        action = command.get("do")
        if action == "stop":
            break
        try:
            if action not in actions:
                raise ValueError(f"unknown command {action!r}")
            result = getattr(peer, action)(command)
            answer = {"do": action, **result, "settings": {**versions, **peer.settings}, "peakBytes": peak_bytes()}
        except Exception as error:
            answer = {"do": action, "error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(Peer(), ("start", "model", "batch", "step", "zeroShot", "load"))
