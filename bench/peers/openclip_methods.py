"""OpenCLIP on PyTorch with a method, as the other side of a benchmark; what openclip_step.py takes, and:

  {"do": "model", ..., "method": {"name": NAME, "options": {...}}, "adapters": FILE?, "references": FILE?}
                        NAME "lora": PEFT's beside the linear layers c_fc and c_proj, which start from FILE; "der-pp"; "zscl": FILE holds
                        int32 "ids" [N, context] of the reference texts
  {"do": "pool", "file": FILE}         float32 "pixels" [P, 3, S, S] and int32 "ids" [P, context]
  {"do": "step", "rows": [{"at": PLACE, "role": ROLE, "mark": {"slot": SLOT, "uses": [USE, ...]}?}, ...], "taken": [{"row": ROW, "slot": SLOT}, ...]}
                        one step on these rows of the pool; afterwards the reservoir takes the rows that `taken` names
  {"do": "fisher", "samples": N}       mean over the pool's first N samples of the squared gradient of each one's own loss, a backward pass each
  {"do": "compare", "file": FILE}      the largest difference of a tensor in FILE from the last fisher's, by norm, relative to that tensor's norm

Terms are what Evergreen's methods say of themselves, written as one would write them in PyTorch: one forward pass over all rows of the
step, each sample once, autograd through everything, features and terms in float32.
"""
import copy
import math
import re
import time

import torch
import torch.nn.functional as F

from openclip_step import Peer, optimizer_for, serve


class Method:
    """Plain fine-tuning, and what methods change of it."""

    def __init__(self, peer, options, command):
        self.peer, self.options = peer, options

    def contrastive(self, role):
        return role not in ("reservoir", "reference")

    def terms(self, seen, rows):
        return {}

    def after(self, seen, taken, step):
        pass


class Lora(Method):
    def __init__(self, peer, options, command):
        super().__init__(peer, options, command)
        from peft import LoraConfig, get_peft_model
        from safetensors.torch import load_file

        config = LoraConfig(r=options["r"], lora_alpha=options["r"], lora_dropout=0.0, bias="none", target_modules=["c_fc", "c_proj"])
        peer.net = get_peft_model(peer.net, config)
        own = dict(peer.net.base_model.model.named_parameters())
        for name, value in load_file(command["adapters"]).items():
            module, factor = re.fullmatch(r"adapter\.(.*)\.weight\.(?:fc|proj)\.lora_([AB])", name).groups()
            own.pop(f"{module}.lora_{factor}.default.weight").data.copy_(value)
        missing = [name for name, value in own.items() if "lora_" in name or value.requires_grad]
        if missing:
            raise ValueError(f"no weights for {missing[0]}")


class DerPlusPlus(Method):
    """arXiv:2004.07211, eq. 6: squared distance of logits to the stored ones on one draw, the loss over a second one."""

    def __init__(self, peer, options, command):
        super().__init__(peer, options, command)
        self.image = self.text = self.scale = None

    def terms(self, seen, rows):
        drawn = {use: [(i, row["mark"]["slot"]) for i, row in enumerate(rows) if use in row.get("mark", {}).get("uses", [])]
                 for use in ("logits", "replay")}
        found = {}
        if drawn["logits"] and self.image is not None:
            row, slot = (torch.tensor(each) for each in zip(*drawn["logits"]))
            now = seen["image"][row] @ seen["text"][row].T
            then = self.image[slot] @ self.text[slot].T
            away = (now - then) * self.scale[slot, None]
            found["der-pp/logits"] = self.options["alpha"] * away.square().mean() / 100
        if drawn["replay"]:
            found["der-pp/replay"] = self.options["beta"] * self.peer.contrast(seen, [row for row, _ in drawn["replay"]])
        return found

    def after(self, seen, taken, step):
        if not taken:
            return
        if self.image is None:
            size, width = self.options["size"], seen["image"].shape[1]
            self.image, self.text, self.scale = torch.zeros(size, width), torch.zeros(size, width), torch.zeros(size)
        # A slot that is taken twice keeps the later row.
        last = {each["slot"]: each["row"] for each in taken}
        slot, row = torch.tensor(list(last.keys())), torch.tensor(list(last.values()))
        self.image[slot], self.text[slot] = seen["image"][row].detach(), seen["text"][row].detach()
        self.scale[slot] = seen["scale"].detach()


class Zscl(Method):
    """arXiv:2303.06628: distillation on reference images and texts, a pull to the start, a mean of the weights."""

    def __init__(self, peer, options, command):
        super().__init__(peer, options, command)
        from safetensors.torch import load_file

        self.tower = copy.deepcopy(peer.net.visual).requires_grad_(False)
        self.start = {name: value.detach().clone() for name, value in peer.net.named_parameters()}
        self.mean = {name: value.clone() for name, value in self.start.items()}
        ids = load_file(command["references"])["ids"].long()
        with torch.no_grad(), peer.autocast():
            self.texts = torch.cat([peer.net.encode_text(part, normalize=True).float() for part in ids.split(32)])

    def contrastive(self, role):
        return role in ("update", "buffer")

    def terms(self, seen, rows):
        own = torch.tensor([i for i, row in enumerate(rows) if row["role"] == "pretraining"])
        with torch.no_grad(), self.peer.autocast():
            before = F.normalize(self.tower(seen["pixels"][own]), dim=-1).float()
        scale, heat = seen["scale"].detach(), self.options["temperature"]
        then = scale * before @ self.texts.T
        now = scale * seen["image"][own] @ self.texts.T
        distil = lambda student, teacher: F.cross_entropy(student / heat, (teacher / heat).softmax(dim=1)) * heat**2
        pull = sum((value - self.start[name]).square().sum() for name, value in self.peer.net.named_parameters())
        return {"zscl/images": distil(now, then), "zscl/texts": distil(now.T, then.T), "penalty": self.options["l2"] * pull}

    @torch.no_grad()
    def after(self, seen, taken, step):
        every = self.options["weFreq"]
        if (step + 1) % every == 0:
            for name, value in self.peer.net.named_parameters():
                self.mean[name].lerp_(value, 1 / ((step + 1) // every + 1))


METHODS = {"lora": Lora, "der-pp": DerPlusPlus, "zscl": Zscl}


class MethodPeer(Peer):
    def model(self, command):
        result = super().model(command)
        named = command.get("method")
        self.method = METHODS[named["name"]](self, named["options"], command) if named else Method(self, {}, command)
        self.logit_scale = next(value for name, value in self.net.named_parameters() if name.endswith("logit_scale"))
        self.optimizer = optimizer_for(self.net, self.settings["lr"], self.settings["fused"])
        self.steps = 0
        return result

    def pool(self, command):
        return self.batch(command)

    def contrast(self, seen, rows):
        """The contrastive loss over some rows, as OpenCLIP's loop has it."""
        image, text = (seen["own"][f"{side}_features"] for side in ("image", "text"))
        if len(rows) < len(image):
            image, text = image[rows], text[rows]
        with self.autocast():
            return self.loss(image, text, seen["scale"])

    def step(self, command):
        rows = command["rows"]
        self.net.train()
        begin = time.perf_counter()
        at = torch.tensor([row["at"] for row in rows])
        pixels, ids = self.pixels[at], self.ids[at]
        self.optimizer.zero_grad()
        with self.autocast():
            own = self.net(pixels, ids)
        seen = {"own": own, "pixels": pixels, "image": own["image_features"].float(), "text": own["text_features"].float(),
                "scale": own["logit_scale"]}
        terms = self.method.terms(seen, rows)
        over = [i for i, row in enumerate(rows) if self.method.contrastive(row["role"])]
        loss = self.contrast(seen, over) + sum(terms.values())
        loss.backward()
        learning = [p for p in self.net.parameters() if p.requires_grad]
        norm = torch.nn.utils.clip_grad_norm_(learning, 1.0, norm_type=2.0)
        self.optimizer.step()
        with torch.no_grad():
            self.logit_scale.clamp_(0, math.log(100))
        self.method.after(seen, command.get("taken", []), self.steps)
        self.steps += 1
        value = loss.item()
        return {"seconds": time.perf_counter() - begin, "loss": value, "gradientNorm": norm.item(),
                "terms": {name: term.item() for name, term in terms.items()}}

    def fisher(self, command):
        count = command["samples"]
        pixels, ids = self.pixels[:count], self.ids[:count]
        self.net.train()
        begin = time.perf_counter()
        self.sums = {name: torch.zeros_like(value) for name, value in self.net.named_parameters()}
        with torch.no_grad(), self.autocast():
            images, texts = self.net.encode_image(pixels, normalize=True).float(), self.net.encode_text(ids, normalize=True).float()
        for i in range(count):
            self.net.zero_grad()
            with self.autocast():
                own = self.net(pixels[i : i + 1], ids[i : i + 1])
            image, text, scale = own["image_features"].float(), own["text_features"].float(), own["logit_scale"]
            all_images = torch.cat([images[:i], image, images[i + 1 :]])
            all_texts = torch.cat([texts[:i], text, texts[i + 1 :]])
            label = torch.tensor([i])
            loss = (F.cross_entropy(scale * image @ all_texts.T, label) + F.cross_entropy(scale * text @ all_images.T, label)) / 2
            loss.backward()
            for name, value in self.net.named_parameters():
                self.sums[name].addcmul_(value.grad, value.grad)
        for value in self.sums.values():
            value.div_(count)
        return {"seconds": time.perf_counter() - begin}

    def compare(self, command):
        from safetensors.torch import load_file

        theirs = load_file(command["file"])
        if set(theirs) != set(self.sums):
            raise ValueError(f"other parameters: {sorted(set(theirs) ^ set(self.sums))[:3]}")
        away = {name: ((theirs[name] - value).norm() / value.norm().clamp(min=1e-30)).item() for name, value in self.sums.items()}
        worst = max(away, key=away.get)
        return {"worst": away[worst], "name": worst}


if __name__ == "__main__":
    serve(MethodPeer(), ("model", "pool", "step", "fisher", "compare"))
