"""Steps of optimizers, written in plain PyTorch from their papers: test/vectors/optimizers.json.

usage: python optimizers.py [--out FOLDER]

Weights and gradients are closed forms (common/filled.py); the reference computes in float64 and keeps every weight after the last step.
"""
import math
import os

import torch

from common.filled import arguments, uniform, write_json

STEPS = 7
SHAPES = {"wide.weight": (6, 10), "tall.weight": (10, 6), "square.weight": (5, 5), "ln_1.bias": (7,), "token_embedding.weight": (9, 6), "logit_scale": ()}
LR, DECAY, SCALE = 0.02, 0.1, 0.5
BETAS, EPS = (0.9, 0.98), 1e-8
QUINTIC = (3.4445, -4.775, 2.0315)


def start(name):
    return torch.from_numpy(uniform(f"optimizers/{name}", SHAPES[name], 0.5)).double()


def gradient(name, step):
    """Scaled as clipping scales it."""
    return SCALE * torch.from_numpy(uniform(f"optimizers/{name}/{step}", SHAPES[name], 0.8)).double()


def adam(state, g, step):
    """m and v of arXiv:1412.6980, bias-corrected; the update without its rate."""
    state["m"] = BETAS[0] * state.get("m", torch.zeros_like(g)) + (1 - BETAS[0]) * g
    state["v"] = BETAS[1] * state.get("v", torch.zeros_like(g)) + (1 - BETAS[1]) * g * g
    return state["m"] / (1 - BETAS[0] ** step) / ((state["v"] / (1 - BETAS[1] ** step)).sqrt() + EPS)


def is_hidden(name):
    return len(SHAPES[name]) == 2 and name != "token_embedding.weight"


def lion(name, w, state, g, step):
    """arXiv:2302.06675, program 1."""
    m = state.get("m", torch.zeros_like(g))
    update = torch.sign(BETAS[0] * m + (1 - BETAS[0]) * g)
    state["m"] = BETAS[1] * m + (1 - BETAS[1]) * g
    return w - LR * (update + DECAY * w)


def muon(nesterov, original):
    def step_of(name, w, state, g, step):
        if not is_hidden(name):
            return w * (1 - LR * DECAY) - LR * adam(state, g, step)
        m = state["m"] = 0.95 * state.get("m", torch.zeros_like(g)) + 0.05 * g
        x = 0.95 * m + 0.05 * g if nesterov else m
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        x = x / x.norm()
        a, b, c = QUINTIC
        for _ in range(5):
            gram = x @ x.T
            x = a * x + (b * gram + c * gram @ gram) @ x
        x = x.T if tall else x
        rows, columns = w.shape
        size = math.sqrt(max(1, rows / columns)) if original else 0.2 * math.sqrt(max(rows, columns))
        return w * (1 - LR * DECAY) - LR * size * x

    return step_of


def galore(r, gap, scale, reset):
    """arXiv:2403.03507, algorithm 2, on the shorter side; signs nearest to the ones before."""
    def step_of(name, w, state, g, step):
        if not is_hidden(name) or min(w.shape) <= r:
            return w * (1 - LR * DECAY) - LR * adam(state, g, step)
        left = w.shape[0] <= w.shape[1]
        if (step - 1) % gap == 0:
            u, _, vt = torch.linalg.svd(g, full_matrices=False)
            p = u[:, :r] if left else vt[:r].T
            if "p" in state:
                p = p * torch.where((p * state["p"]).sum(0) < 0, -1.0, 1.0)
                if reset:
                    state.pop("m"), state.pop("v")
            state["p"] = p
        p = state["p"]
        low = p.T @ g if left else g @ p
        update = adam(state, low, (step - 1) % gap + 1 if reset else step)
        return w * (1 - LR * DECAY) - LR * scale * (p @ update if left else update @ p.T)

    return step_of


CASES = {
    "lion": lion,
    "muon": muon(True, False),
    "muon-original": muon(False, True),
    "galore": galore(2, 3, 0.25, False),
    "galore-reset": galore(3, 2, 2.0, True),
}


def check_muon(case, rule, ends):
    """PyTorch's own Muon computes its iteration in bfloat16: near, not equal."""
    names = [name for name in SHAPES if is_hidden(name)]
    weights = {name: torch.nn.Parameter(start(name).float()) for name in names}
    peer = torch.optim.Muon(weights.values(), lr=LR, weight_decay=DECAY, momentum=0.95, nesterov=case == "muon", adjust_lr_fn=rule)
    for step in range(1, STEPS + 1):
        for name in names:
            weights[name].grad = gradient(name, step).float()
        peer.step()
    for name in names:
        moved, off = (ends[name] - start(name)).norm(), (weights[name].detach() - ends[name]).norm()
        assert off < 0.03 * moved, (case, name, float(off / moved))


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    ends = {}
    for case, step_of in CASES.items():
        weights, states = {name: start(name) for name in SHAPES}, {name: {} for name in SHAPES}
        for step in range(1, STEPS + 1):
            for name in SHAPES:
                weights[name] = step_of(name, weights[name], states[name], gradient(name, step), step)
        if case.startswith("muon"):
            check_muon(case, "match_rms_adamw" if case == "muon" else "original", weights)
        ends[case] = {name: [round(x, 9) for x in value.flatten().tolist()] for name, value in weights.items()}
        print(case, " ".join(f"{name} {value.norm():.6f}" for name, value in weights.items()))
    if not args.only:
        write_json(os.path.join(os.path.dirname(args.out), "optimizers.json"), {
            "torch": torch.__version__.split("+")[0], "tolerance": 2e-6, "steps": STEPS, "shapes": {name: list(shape) for name, shape in SHAPES.items()},
            "lr": LR, "decay": DECAY, "scale": SCALE, "betas": BETAS, "eps": EPS, "ends": ends})


if __name__ == "__main__":
    main()
