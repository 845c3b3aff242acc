"""Reference pixels of OpenCLIP's evaluation transform, for test/vectors/preprocess.

    python scripts/vectors/preprocess.py test/vectors/preprocess            # write images and vectors.json
    python scripts/vectors/preprocess.py test/vectors/preprocess --check    # recompute from the stored images, compare

Needs open_clip_torch 3.3.0 with torchvision and Pillow. Images are made from formulas; only their encoded files are kept.
For each case: the SHA-256 of the uint8 pixels [S, S, 3] before the change to floats, and an 8 x 8 grid of them to look at when a digest differs.
"""

import argparse
import hashlib
import io
import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import open_clip
import torch
import torchvision
import torchvision.transforms.functional as F
from open_clip.transform import image_transform
from PIL import Image, __version__ as pillow_version

from common.image_files import gif, tiff


def pattern(width, height):
    """Smooth ramps with edges: [H, W, 3] uint8."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    u, v = x / max(width - 1, 1), y / max(height - 1, 1)
    red = 255 * u * (1 - 0.5 * v)
    green = 255 * np.abs(np.sin(7 * u + 3 * v))
    blue = 200 * (np.hypot(u - 0.6, v - 0.4) < 0.25) + 55 * v
    return np.stack([red, green, blue], -1).round().astype(np.uint8)


def alpha(width, height):
    y, x = np.mgrid[0:height, 0:width]
    ramp = (255 * x / max(width - 1, 1)).round().astype(np.uint8)
    ramp[y < height // 4] = 0
    ramp[y > 3 * height // 4] = 255
    return ramp


def png16(samples):
    """A 16-bit PNG, which Pillow cannot write in colour: [H, W, C] uint16."""
    height, width, channels = samples.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = samples.astype(">u2").tobytes()
    stride = width * channels * 2
    raw = b"".join(b"\0" + rows[i * stride : (i + 1) * stride] for i in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def encoded(image, form, **options):
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def images():
    rgb = lambda w, h: Image.fromarray(pattern(w, h))
    base = pattern(150, 110)
    transparent = alpha(150, 110)
    rgba = Image.fromarray(np.dstack([base, transparent]))
    grey = Image.fromarray(base).convert("L")
    palette = Image.fromarray(base).quantize(24)
    wide = pattern(150, 110).astype(np.uint16) * 257
    turned = Image.Exif()
    turned[0x0112] = 6
    made = {f"rgb-{w}x{h}.png": encoded(rgb(w, h), "PNG", optimize=True) for w, h in
            [(1, 1), (1, 50), (50, 1), (3, 200), (37, 53), (223, 225), (224, 224), (225, 224), (224, 301), (449, 224)]}
    made |= {f"rgb-{w}x{h}.jpg": encoded(rgb(w, h), "JPEG", quality=q, subsampling=s) for w, h, q, s in
             [(640, 480, 85, 2), (333, 500, 95, 0), (4000, 3000, 40, 2)]}
    made |= {
        "progressive.jpg": encoded(rgb(300, 200), "JPEG", quality=80, progressive=True),
        "grey.png": encoded(grey, "PNG"),
        "grey.jpg": encoded(grey, "JPEG", quality=90),
        "grey-4000x3000.png": encoded(Image.fromarray(np.tile(np.arange(250, dtype=np.uint8), (3000, 16))), "PNG", optimize=True),
        "grey-alpha.png": encoded(Image.merge("LA", [grey, Image.fromarray(transparent)]), "PNG"),
        "rgba.png": encoded(rgba, "PNG"),
        "rgba-224.png": encoded(Image.fromarray(np.dstack([pattern(224, 224), alpha(224, 224)])), "PNG"),
        "rgba.webp": encoded(rgba, "WEBP", lossless=True, exact=True),
        "rgb.webp": encoded(rgb(150, 110), "WEBP", quality=80),
        "palette.png": encoded(palette, "PNG"),
        "palette-transparent.png": encoded(palette, "PNG", transparency=3),
        "palette.gif": encoded(palette, "GIF"),
        "grey.gif": encoded(Image.fromarray(np.add.outer(np.arange(110), np.arange(150)).astype(np.uint8)), "GIF"),
        "rgb-transparent.png": encoded(rgb(150, 110), "PNG", transparency=tuple(int(c) for c in base[60, 60])),
        "one-bit.png": encoded(grey.convert("1"), "PNG"),
        "cmyk.jpg": encoded(Image.fromarray(base).convert("CMYK"), "JPEG", quality=90),
        "cmyk.tif": encoded(Image.fromarray(np.dstack([255 - base, transparent // 2]), "CMYK"), "TIFF", compression="tiff_lzw"),
        "rgb.tif": encoded(rgb(150, 110), "TIFF", compression="tiff_lzw"),
        "exif-turned.jpg": encoded(rgb(180, 120), "JPEG", quality=90, exif=turned),
        "grey-16.png": png16(wide[:, :, :1]),
        "grey-16-dark.png": png16(pattern(150, 110).astype(np.uint16)[:, :, :1] * 2),
        "grey-alpha-16.png": png16(np.dstack([wide[:, :, 0], transparent.astype(np.uint16) * 257])),
        "rgb-16.png": png16(wide + 100),
        "rgba-16.png": png16(np.dstack([wide, transparent.astype(np.uint16) * 257])),
    }
    return made | gifs() | tiffs() | avifs()


def gifs():
    """First frames with transparency, of another size than their canvas, and with palettes of every place."""
    small = Image.fromarray(pattern(31, 23)).quantize(16)
    plain = encoded(small, "GIF", interlace=0)
    clear = encoded(small, "GIF", interlace=0, transparency=5)
    return {
        "transparent.gif": clear,
        "transparent-grey.gif": gif(clear, colours="none"),
        "interlaced.gif": encoded(small, "GIF", interlace=1),
        "small-frame.gif": gif(plain, canvas=(40, 30), corner=(7, 3)),
        "small-frame-transparent.gif": gif(clear, canvas=(40, 30), corner=(7, 3)),
        "large-frame.gif": gif(plain, canvas=(10, 30), corner=(7, 3)),
        "own-palette.gif": gif(plain, colours="local"),
        "no-palette.gif": gif(plain, colours="none"),
        "short-palette.gif": gif(plain, kept=8),
        "long-codes.gif": encoded(Image.fromarray((np.arange(120 * 90).reshape(90, 120) ** 2 % 251).astype(np.uint8)), "GIF"),
        "animated.gif": encoded(small, "GIF", save_all=True, append_images=[small.rotate(180)], duration=50),
    }


def tiffs():
    """Every orientation, kinds that are resized to the nearest pixel, a fourth sample that is no alpha, 64-bit offsets."""
    tiny, small = Image.fromarray(pattern(9, 7)), Image.fromarray(pattern(31, 23))
    rgba = encoded(Image.fromarray(np.dstack([pattern(9, 7), alpha(9, 7)])), "TIFF")
    made = {f"turned-{turn}.tif": encoded(tiny, "TIFF", tiffinfo={274: turn}) for turn in range(2, 9)}
    return made | {
        "palette.tif": encoded(small.quantize(16), "TIFF", compression="tiff_lzw"),
        "one-bit.tif": encoded(small.convert("1"), "TIFF", compression="tiff_lzw"),
        "one-bit-turned.tif": encoded(small.convert("1"), "TIFF", tiffinfo={274: 6}),
        "rgba.tif": rgba,
        "rgbx.tif": tiff(rgba, 338, 0),
        "jpeg.tif": encoded(small, "TIFF", compression="jpeg"),
        "big.tif": encoded(tiny, "TIFF", big_tiff=True),
    }


def avifs():
    """All eight turns, which Pillow leaves alone, and colour at half the resolution."""

    def turned(turn):
        exif = Image.Exif()
        exif[0x0112] = turn
        return encoded(Image.fromarray(pattern(31, 23)), "AVIF", quality=100, subsampling="4:4:4", exif=exif)

    made = {f"turned-{turn}.avif": turned(turn) for turn in range(1, 9)}
    return made | {"half-colour.avif": encoded(Image.fromarray(pattern(150, 110)), "AVIF", quality=75)}


def pixels(data, size, mode, interpolation):
    """OpenCLIP's transform up to ToTensor, whose division by 255 is undone exactly."""
    transform = image_transform(size, is_train=False, mean=(0, 0, 0), std=(1, 1, 1), resize_mode=mode, interpolation=interpolation)
    tensor = transform(Image.open(io.BytesIO(data)))
    return (tensor * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def cases(names):
    for name in names:
        yield name, 224, "shortest", "bicubic"
    for name in ["rgb-37x53.png", "rgb-640x480.jpg", "rgb-449x224.png", "rgba.png", "palette.png", "cmyk.jpg", "grey-16.png"]:
        if name != "palette.png":  # Pillow pads a palette image with its first colour, we with the fill level
            yield name, 224, "longest", "bicubic"
        yield name, 224, "squash", "bicubic"
        yield name, 64, "shortest", "bilinear"
        yield name, 336, "shortest", "bicubic"
        yield name, 32, "shortest", "bicubic"


def geometry():
    """[width, height, size, mode, target width, target height, left, top] from torchvision and OpenCLIP themselves."""
    rows = []
    random = np.random.default_rng(7)
    sizes = [(1, 1), (1, 4000), (4000, 3000), (224, 225), (225, 224), (333, 223)]
    sizes += [tuple(int(v) for v in np.exp(random.uniform(0, np.log(4000), 2)).round()) for _ in range(150)]
    for width, height in sizes:
        for size in (32, 224, 336):
            target = F._compute_resized_output_size((height, width), [size])
            rows.append([width, height, size, "shortest", target[1], target[0], *corner(target, size)])
            ratio = max(height / size, width / size)
            target = [round(height / ratio), round(width / ratio)]  # transform.ResizeKeepRatio.get_params with longest=1
            if min(target) > 0:
                rows.append([width, height, size, "longest", target[1], target[0], *corner(target, size)])
    return rows


def corner(target, size):
    """Where the crop begins, read from a crop of coordinates; negative where it pads."""
    height, width = target
    columns = F.center_crop((torch.arange(width, dtype=torch.float64) + 1).expand(1, 1, width).expand(1, height, width), [size, size])
    rows = F.center_crop((torch.arange(height, dtype=torch.float64) + 1).view(1, height, 1).expand(1, height, width), [size, size])
    first = lambda line: int(line.nonzero()[0, 0]) if line[0] == 0 else 1 - int(line[0])
    return [-first(columns.amax((0, 1))), -first(rows.amax((0, 2)))]


def resizes():
    """[width, height, bands, bits, target width, target height, filter, SHA-256 of the samples] of Pillow's resize alone."""
    sizes = [(30, h, 20, 40) for h in (58, 59, 60, 61, 62)]  # the height goes first where it loses more than 20 rows
    sizes += [(20, h, 20, 40) for h in (39, 40, 41, 42)]
    sizes += [(20, h, 23, 40) for h in (33, 34, 39, 40, 41)]  # a width that grows: any loss of height
    sizes += [(1, 50, 1, 9), (1, 50, 3, 9), (50, 1, 9, 1), (7, 90, 1, 1), (60, 7, 11, 20), (31, 62, 16, 33), (31, 64, 16, 33)]
    kinds = [(1, 8, "bicubic"), (3, 8, "bicubic"), (3, 8, "bilinear"), (4, 8, "bicubic"), (1, 16, "bicubic"), (1, 16, "bilinear")]
    rows = []
    for bands, bits, name in kinds:
        for width, height, to_width, to_height in sizes:
            i = np.arange(width * height * bands, dtype=np.int64)
            samples = (i * 40503 + i * i % 65521) % 65536
            samples = samples.astype(np.uint16) if bits == 16 else (samples >> 8).astype(np.uint8)
            shape = (height, width) if bands == 1 else (height, width, bands)
            image = Image.fromarray(samples.reshape(shape), "CMYK" if bands == 4 else None)
            out = np.asarray(image.resize((to_width, to_height), Image.Resampling[name.upper()]))
            rows.append([width, height, bands, bits, to_width, to_height, name, hashlib.sha256(out.tobytes()).hexdigest()])
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    if args.check:
        names = sorted(case["file"] for case in json.loads((args.folder / "vectors.json").read_text())["cases"])
        files = {name: (args.folder / name).read_bytes() for name in names}
    else:
        files = images()
        args.folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (args.folder / name).write_bytes(data)
    found = []
    for name, size, mode, interpolation in cases(sorted(files)):
        out = pixels(files[name], size, mode, interpolation)
        grid = out[size // 16 :: size // 8, size // 16 :: size // 8].reshape(-1).tolist()
        found.append({"file": name, "size": size, "resizeMode": mode, "interpolation": interpolation,
                      "sha256": hashlib.sha256(out.tobytes()).hexdigest(), "grid": grid})
    made_with = {"open_clip": open_clip.__version__, "torchvision": torchvision.__version__.split("+")[0], "pillow": pillow_version}
    result = {"madeWith": made_with, "cases": found, "resizes": resizes(), "geometry": geometry()}
    path = args.folder / "vectors.json"
    if args.check:
        known = json.loads(path.read_text())
        same = all(known[key] == result[key] for key in ("cases", "resizes", "geometry"))
        print("preprocess: same" if same else "preprocess: different")
        sys.exit(0 if same else 1)
    lines = lambda rows: "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]"
    path.write_text(f'{{"madeWith":{json.dumps(made_with)},\n"cases":{lines(found)},\n"resizes":{lines(result["resizes"])},\n"geometry":{lines(result["geometry"])}}}\n')
    print(f"{len(files)} images, {len(found)} cases, {len(result['resizes'])} resizes, {len(result['geometry'])} sizes")


main()
