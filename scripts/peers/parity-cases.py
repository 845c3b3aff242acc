"""Writes random cases for model encode and tokenize, with OpenCLIP's answers.

Usage: parity-cases.py FOLDER SEED CASES
"""

import json
import random
import sys
import unicodedata
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import save_file

folder, seed, cases = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
draw = random.Random(seed)
torch.manual_seed(seed)
pixels = np.random.default_rng(seed)
torch.set_num_threads(2)

WORDS = "a photo of the red small dog's, cat; 'RE n't I'LL 1234 x² ﬁ Straße İstanbul ça va Ωμέγα".split()
PIECES = [
    "😀", "👩‍👩‍👧", "🇫🇷", "&amp;", "&amp;lt;b&gt;", "&#x1F600;", "&nbsp;", "\u00a0", "\u200b", "\ufeff", "\u202e", "\u0000", "\u0007",
    "<start_of_text>", "<end_of_text>", "<|endoftext|>", "ſ", "K", "e\u0301", "Ã©", "â€™", "ＡＢＣ", "漢字かな", "한국어", "العربية",
    "हिन्दी", "\ud7a3", "\U0001F9FF", "\t", "\r\n", "\u2028", "\u0345", "½", "٣", "’s", "“", "…",
]


def random_text():
    kind = draw.randrange(5)
    if kind == 0:
        return "".join(draw.choice(PIECES) for _ in range(draw.randrange(12)))
    if kind == 1:
        points = (draw.randrange(0x110000) for _ in range(draw.randrange(40)))
        return "".join(chr(point) for point in points if not 0xD800 <= point < 0xE000)
    if kind == 2:
        assigned = (chr(draw.randrange(0x3000)) for _ in range(60))
        return "".join(char for char in assigned if unicodedata.category(char) != "Cn")
    count = draw.choice([0, 3, 8, 20, 100, 3000]) if kind == 3 else draw.randrange(20)
    glue = draw.choice([" ", "  ", "", "\n"])
    return glue.join(draw.choice(WORDS + PIECES) for _ in range(count))


def random_image(path, side):
    """A picture with large and fine structure, in some mode and format; its file."""
    fixed = side is not None
    width, height = (side, side) if fixed else (draw.choice([1, 3, 17, 200, 333, 640, 1200]), draw.choice([1, 5, 31, 200, 480, 900]))
    coarse = Image.fromarray(pixels.integers(0, 256, (6, 6, 4), dtype=np.uint8), "RGBA").resize((width, height), Image.BICUBIC)
    noise = pixels.integers(-12, 13, (height, width, 4))
    image = Image.fromarray(np.clip(np.asarray(coarse).astype(int) + noise, 0, 255).astype(np.uint8), "RGBA")
    modes = ["RGB"] if fixed else ["RGB", "RGB", "RGBA", "L", "LA", "P", "CMYK", "1", "I;16", "turned"]
    mode = draw.choice(modes)
    if mode == "turned":
        exif = Image.Exif()
        exif[0x0112] = draw.randrange(1, 9)
        image.convert("RGB").save(path.with_suffix(".jpg"), quality=draw.choice([60, 95]), exif=exif)
        return path.with_suffix(".jpg")
    if mode == "I;16":
        grey = np.asarray(image.convert("L")).astype(np.uint16) * 257
        Image.fromarray(grey).save(path.with_suffix(".png"))
        return path.with_suffix(".png")
    formats = {"RGB": ["png", "jpg", "webp", "tif"], "L": ["png", "jpg"], "CMYK": ["jpg", "tif"], "P": ["png", "gif"], "RGBA": ["png", "webp"]}
    ending = "png" if fixed else draw.choice(formats.get(mode, ["png"]))
    target = path.with_suffix("." + ending)
    image.convert(mode).save(target)
    return target


def random_config():
    width = draw.choice([64, 128])
    side = draw.choice([32, 48, 64])
    return {
        "embed_dim": draw.choice([16, 48]),
        "quick_gelu": draw.random() < 0.5,
        "vision_cfg": draw.choice(
            [
                {"image_size": side, "layers": draw.randrange(1, 4), "width": width, "head_width": draw.choice([32, 64]), "patch_size": draw.choice([8, 16])},
                {"image_size": 64, "layers": [1, 1, 2, 1], "width": 16, "head_width": 64, "patch_size": None},
            ]
        ),
        "text_cfg": {"context_length": draw.choice([20, 77]), "vocab_size": 49408, "width": 64, "heads": draw.choice([1, 2]), "layers": draw.randrange(1, 4)},
    }


def write_case(place):
    place.mkdir()
    config = random_config()
    text_cfg = config["text_cfg"]
    from open_clip.model import CLIP

    model = CLIP(**config).eval()
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if name.endswith("bias"):
                tensor.normal_(0, 0.1)
    save_file({name: tensor.clone().contiguous() for name, tensor in model.state_dict().items()}, place / "open_clip_model.safetensors")
    preprocess = {"mean": list(open_clip.OPENAI_DATASET_MEAN), "std": list(open_clip.OPENAI_DATASET_STD)}
    (place / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))
    size = config["vision_cfg"]["image_size"]
    transform = open_clip.image_transform(size, is_train=False, **preprocess)
    tokenizer = open_clip.SimpleTokenizer(context_length=text_cfg["context_length"])
    exact = [random_image(place / f"exact-{i}", size) for i in range(4)]
    resized = [random_image(place / f"resized-{i}", None) for i in range(8)]
    texts = [random_text() for _ in range(24)]
    with torch.no_grad():
        batch = torch.stack([transform(Image.open(file)) for file in exact + resized])
        image = model.encode_image(batch, normalize=True)
        text = model.encode_text(tokenizer(texts), normalize=True)
    rows = [{"image": file.name} for file in exact + resized] + [{"text": text} for text in texts]
    draw.shuffle(rows)
    (place / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    images = [row["image"] for row in rows if "image" in row]
    known = {file.name: image[i].tolist() for i, file in enumerate(exact + resized)}
    told = dict(zip(texts, text.tolist(), strict=True))
    answers = {
        "image": [known[name] for name in images],
        "exact": [name.startswith("exact") for name in images],
        "text": [told[row["text"]] for row in rows if "text" in row],
    }
    (place / "answers.json").write_text(json.dumps(answers))


for case in range(cases):
    write_case(folder / f"case-{case}")
texts = [random_text() for _ in range(cases * 150)]
(folder / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
ids = open_clip.get_tokenizer("ViT-B-32")(texts).tolist()
(folder / "ids.json").write_text(json.dumps(ids))
