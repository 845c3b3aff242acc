"""What the readers of torchvision and CLIP_benchmark find in the trees that the tests of their layouts are made of.

Writes test/vectors/layouts/torchvision.json and clip-benchmark.json: for each set and split, in torchvision's order, [file or number, label], and the first picture's
SHA-256 where pictures lie in one binary file; for CLEVR the number of objects, which is torchvision's label, and for COCO and Flickr30k the captions. Their archives' digests cannot fit small trees, so that check is turned off. Left out: CIFAR, which
torchvision reads from pickles, and ImageNet, whose index it unpickles.
CLIP_benchmark gives each sample's label, or its captions, and its pixels.
Needs torchvision 0.29.2, SciPy, pycocotools, clip_benchmark 1.6.2 with webdataset, and Node.js to write the trees.
"""

import hashlib
import json
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torchvision
import torchvision.datasets as tv

here = Path(__file__).resolve().parent
out = here / "../../test/vectors/layouts"


def trust_files():
    # Trees lack the unlabelled part, too.
    tv.STL10._check_integrity = lambda self: True
    for name in ("flowers102", "svhn", "utils"):
        module = getattr(tv, name)
        if hasattr(module, "check_integrity"):
            module.check_integrity = lambda path, md5=None: Path(path).exists()
    tv.Places365._check_integrity = lambda self, file, md5, download: Path(file).exists()


def files(root, paths, labels):
    return {"items": [[Path(path).relative_to(root).as_posix(), int(label)] for path, label in zip(paths, labels)]}


def binary(pictures, labels):
    """Pictures as [N, H, W] or [N, H, W, 3] of uint8."""
    return {
        "items": [[i, int(label)] for i, label in enumerate(np.atleast_1d(labels))],
        "first": hashlib.sha256(np.ascontiguousarray(pictures[0]).tobytes()).hexdigest(),
    }


def grey(dataset):
    return binary(dataset.data.numpy(), dataset.targets)


def planes(dataset):
    return binary(np.transpose(dataset.data, (0, 2, 3, 1)), dataset.labels)


def pairs(root, samples):
    return files(root, [path for path, _ in samples], [label for _, label in samples])


def listed(root, dataset):
    return files(root, dataset._image_files, dataset._labels)


def indexed(root, dataset, path_of):
    return files(root, [path_of(i) for i in range(len(dataset))], dataset.y)


def caltech101(root):
    d = tv.Caltech101(root)
    folder = Path(d.root) / "101_ObjectCategories"
    return {"all": indexed(root, d, lambda i: folder / d.categories[d.y[i]] / f"image_{d.index[i]:04d}.jpg")}


def caltech256(root):
    d = tv.Caltech256(root)
    folder = Path(d.root) / "256_ObjectCategories"
    return {"all": indexed(root, d, lambda i: folder / d.categories[d.y[i]] / f"{d.y[i] + 1:03d}_{d.index[i]:04d}.jpg")}


def inaturalist(root):
    def of(version):
        d = tv.INaturalist(root, version=version)
        paths = [Path(d.root) / d.all_categories[label] / name for label, name in d.index]
        return files(root, paths, [label for label, _ in d.index])

    return {"train": of("2021_train_mini"), "test": of("2021_valid")}


def pets(root):
    def of(split):
        # Segmentations are a folder that the task does not need.
        (Path(root) / "oxford-iiit-pet/annotations/trimaps").mkdir(parents=True, exist_ok=True)
        d = tv.OxfordIIITPet(root, split=split)
        return files(root, d._images, d._labels)

    return {"train": of("trainval"), "test": of("test")}


def places(root):
    train, test = (tv.Places365(root, split=split, small=True) for split in ("train-standard", "val"))
    return {"train": pairs(root, train.imgs), "test": pairs(root, test.imgs)}


def split(kind, root, of, names=("train", "test"), **options):
    return {ours: of(kind(root, split=theirs, **options)) for ours, theirs in zip(("train", "test"), names)}


readers = {
    "caltech101": caltech101,
    "caltech256": caltech256,
    "cars196": lambda root: split(tv.StanfordCars, root, lambda d: pairs(root, d._samples)),
    "country211": lambda root: split(tv.Country211, root, lambda d: pairs(root, d.samples)),
    "dtd": lambda root: split(tv.DTD, root, lambda d: listed(root, d)),
    "eurosat": lambda root: {"all": pairs(root, tv.EuroSAT(root).samples)},
    "fashionmnist": lambda root: {name: grey(tv.FashionMNIST(root, train=name == "train")) for name in ("train", "test")},
    "fgvcaircraft": lambda root: split(tv.FGVCAircraft, root, lambda d: listed(root, d)),
    "flowers102": lambda root: split(tv.Flowers102, root, lambda d: listed(root, d), names=("test", "train")),
    "food101": lambda root: split(tv.Food101, root, lambda d: listed(root, d)),
    "gtsrb": lambda root: {"all": pairs(root, tv.GTSRB(root, split="train")._samples)},
    "inaturalist2021": inaturalist,
    "mnist": lambda root: {name: grey(tv.MNIST(root, train=name == "train")) for name in ("train", "test")},
    "oxford_pets": pets,
    "places365": places,
    "stl10": lambda root: split(tv.STL10, root, planes),
    "sun397": lambda root: {"all": listed(root, tv.SUN397(root))},
    "svhn": lambda root: split(tv.SVHN, root, planes),
}


def clevr(root):
    d = tv.CLEVRClassification(root, split="train")
    return [[Path(path).relative_to(root).as_posix(), label] for path, (_, label) in zip(d._image_files, d)]


def coco(root):
    d = tv.CocoCaptions(f"{root}/val2014", f"{root}/annotations/captions_val2014.json")
    return [[f"val2014/{d.coco.loadImgs(number)[0]['file_name']}", captions] for number, (_, captions) in zip(d.ids, d)]


def flickr30k(root):
    d = tv.Flickr30k(f"{root}/flickr30k-images", f"{root}/results_20130124.token")
    return [[f"flickr30k-images/{name}", captions] for name, (_, captions) in zip(d.ids, d)]


def clip_benchmark_sets(root):
    from clip_benchmark.datasets.builder import build_wds_dataset

    def of(name, split):
        def digest(image):
            return hashlib.sha256(np.asarray(image.convert("RGB")).tobytes()).hexdigest()

        samples = build_wds_dataset(name, transform=digest, split=split, data_dir=f"{root}/wds_{name}")
        rows = [[told, pixels] for pixels, told in samples]
        return {"samples": rows, "classes": samples.classes, "templates": samples.templates}

    return {"pets": {split: of("pets", split) for split in ("train", "test")}, "pairs": {"test": of("pairs", "test")}}


def write(name, made_with, **found):
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps({"made_with": made_with, **found}, indent=1) + "\n")


def main():
    trust_files()
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(["node", str(here / "../peers/write-trees.mjs"), f"{place}/trees"], check=True, stdout=subprocess.DEVNULL)
        trees = f"{place}/trees"
        found = {handle: read(f"{trees}/{handle}") for handle, read in readers.items()}
        objects = {"clevr": clevr(f"{trees}/clevr")}
        captions = {"flickr30k": flickr30k(f"{trees}/flickr30k"), "mscoco": coco(f"{trees}/mscoco")}
        benchmark = clip_benchmark_sets(f"{place}/trees/clip-benchmark")
    made_with = {"torchvision": torchvision.__version__.split("+")[0], "pycocotools": version("pycocotools")}
    write("torchvision", made_with, sets=found, objects=objects, captions=captions)
    write("clip-benchmark", {"clip_benchmark": version("clip_benchmark")}, sets=benchmark)


if __name__ == "__main__":
    main()
