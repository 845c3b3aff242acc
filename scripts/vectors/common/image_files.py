"""Image files that Pillow cannot write, made from those that it can."""

import struct


def gif(data, canvas=None, corner=(0, 0), colours="global", kept=None):
    """A GIF of Pillow's with another canvas, its frame elsewhere, its palette by the frame or nowhere, or with the first `kept` colours only."""
    head, flags = data[:10], data[10]
    end = 13 + (3 << ((flags & 7) + 1))
    table, rest = data[13:end], data[end:]
    at = rest.index(b"\x2c") if rest[0] == 0x2C else rest.index(b"\0\x2c") + 1
    extensions, size, codes = rest[:at], rest[at + 5 : at + 9], rest[at + 10 :]
    interlace = rest[at + 9] & 0x40
    bits = (kept.bit_length() - 2) if kept else flags & 7
    table = table[: 3 << (bits + 1)]
    if canvas:
        head = head[:6] + struct.pack("<HH", *canvas)
    screen = bytes([0x80 | bits if colours == "global" else 0, 0, 0]) + (table if colours == "global" else b"")
    frame = bytes([interlace | (0x80 | bits if colours == "local" else 0)]) + (table if colours == "local" else b"")
    return head + screen + extensions + b"\x2c" + struct.pack("<HH", *corner) + size + frame + codes


def tiff(data, tag, value):
    """A little-endian TIFF with another value for a tag of one short number."""
    at = struct.unpack_from("<I", data, 4)[0] + 2
    entries = [at + 12 * i for i in range(struct.unpack_from("<H", data, at - 2)[0])]
    (entry,) = [place for place in entries if struct.unpack_from("<HHI", data, place) == (tag, 3, 1)]
    return data[: entry + 8] + struct.pack("<HH", value, 0) + data[entry + 12 :]
