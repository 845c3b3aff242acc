"""Writes src/models/text-tables.json and src/models/vocabulary.bin.gz, the data behind src/models/tokenizer.ts.

Needs open_clip_torch 3.3.0, ftfy 6.3.1 and regex, under Python 3.11 (Unicode 14), which is what the tables reproduce.
"""

import gzip
import html.entities
import json
import struct
import unicodedata
from pathlib import Path

import regex
from ftfy import badness, chardata
from open_clip.tokenizer import bytes_to_unicode, default_bpe

ROOT = Path(__file__).resolve().parents[2]
EVERY = [point for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF]


def ranges(points):
    """First and last of each run, flat."""
    flat = []
    for point in points:
        if flat and flat[-1] == point - 1:
            flat[-1] = point
        else:
            flat += [point, point]
    return flat


def newer(kind):
    """Characters `regex` counts among `kind` and this Python's older Unicode does not."""
    pattern = regex.compile(rf"\p{{{kind}}}")
    return ranges(p for p in EVERY if pattern.match(chr(p)) and unicodedata.category(chr(p))[0] != kind)


def upper_half(encoding):
    """Byte 1A, then bytes 80 to FF."""
    return bytes([0x1A, *range(0x80, 0x100)]).decode(encoding)


def vocabulary():
    """The ids of both halves of each merge, as little-endian 16-bit numbers."""
    merges = gzip.open(default_bpe()).read().decode("utf-8").split("\n")[1 : 49152 - 256 - 2 + 1]
    symbols = list(bytes_to_unicode().values())
    symbols += [symbol + "</w>" for symbol in symbols]
    ids = {symbol: index for index, symbol in enumerate(symbols)}
    pairs = b""
    for merge in merges:
        left, right = merge.split()
        pairs += struct.pack("<HH", ids[left], ids[right])
        assert left + right not in ids, "results of merges must be unique"
        ids[left + right] = len(ids)
    return gzip.compress(pairs, mtime=0)


def main():
    assert unicodedata.unidata_version == "14.0.0"
    tables = {
        "unassigned": ranges(p for p in EVERY if unicodedata.category(chr(p)) == "Cn"),
        "newLetters": newer("L"),
        "newNumbers": newer("N"),
        "encodings": {encoding: upper_half(encoding) for encoding in chardata.CHARMAP_ENCODINGS},
        "windows1252": bytes(range(0x80, 0x100)).decode("windows-1252", "replace"),
        "ligatures": {chr(point): text for point, text in chardata.LIGATURES.items()},
        "categories": badness.MOJIBAKE_CATEGORIES,
        "clues": chardata.UTF8_CLUES,
        "entities": html.entities.html5,
    }
    (ROOT / "src/models/text-tables.json").write_text(json.dumps(tables, separators=(",", ":")) + "\n")
    (ROOT / "src/models/vocabulary.bin.gz").write_bytes(vocabulary())


main()
