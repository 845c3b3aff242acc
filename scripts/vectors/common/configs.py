"""The models, texts and batches that the vectors are about."""

TINY_TEXT = {"context_length": 16, "vocab_size": 512, "width": 64, "heads": 2, "layers": 2}
TINY_VIT = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": TINY_TEXT,
}
SMALL = {
    "tiny-vit": TINY_VIT,
    "tiny-vit-quickgelu": {**TINY_VIT, "quick_gelu": True},
    "tiny-resnet": {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 64, "layers": [1, 2, 1, 1], "width": 8, "patch_size": None},
        "text_cfg": TINY_TEXT,
    },
}
LARGE = ["ViT-B-32", "ViT-B-16", "ViT-L-14", "RN50"]

TEXTS = ["a photo of a cat", "Two red-brown foxes & a (very) old oak tree, painted in 1887; they don't look at each other!"]

SUBJECTS = ["cat", "sailing boat", "red bicycle", "mountain lake", "wooden chair", "street musician", "green parrot", "clay teapot"]
PLACES = ["on a stone bridge in the rain", "beside a tall window at night", "under the lemon trees of a small garden"]


def captions():
    """24 captions of 9 to 13 words."""
    return [f"a drawing of a {subject} {place}" for place in PLACES for subject in SUBJECTS]


def build(config, **options):
    from open_clip.model import CLIP

    return CLIP(**config, output_dict=True, **options)
