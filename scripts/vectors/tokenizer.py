"""Writes test/vectors/tokenizer/*.json.gz: texts and the ids OpenCLIP's SimpleTokenizer gives them.

Needs open_clip_torch 3.3.0 and ftfy 6.3.1 under Python 3.11. Texts are drawn from a seeded generator, so that a run gives
the same file. `--fuzz N --seed S --out FILE` writes N more texts elsewhere, for comparing many once.
"""

import argparse
import gzip
import html.entities
import json
import random
import sys
from pathlib import Path

import numpy
from open_clip.tokenizer import SimpleTokenizer

ROOT = Path(__file__).resolve().parents[2]

WORDS = (
    "a photo of the cat dog sitting on red chair don't it's we'll they've I'm he'd you're isn't 's 'T 'LL café naïve façade "
    "Übergröße Straße STRASSE ΣΊΣΥΦΟΣ ΟΔΥΣΣΕΥΣ İstanbul IŞIK ǅungla ﬁne ﬂow ŉ Ĳssel Москва КОТ ёлка Київ עברית العربية فارسی हिन्दी "
    "ไทย 日本語 ネコ ﾈｺ ｶﾞ 中文 한국어 한글 ＡＢＣ１２３ ελληνικά Việt Nguyễn Tiếng e\u0301 n\u0303 A\u030a o\u0308\u0323 2nd 3.14 1,000 ½ ² Ⅷ ٣٤ १२ "
    "#hashtag @user https://example.org/?a=1&b=2 foo@bar.com $5 €10 £3 100% C++ <b>bold</b> <start_of_text> <end_of_text> <|endoftext|> "
    "hello_world snake-case x² m³ H₂O ½cup ™ © ® … – — “quoted” ‘single’ «guillemets» ‹x› „low“ ‚x‘ ʼn ♥ ★ ✓ → ∞ ≠ ½ \u00a0 \u3000 \u200b "
    "ſ 'ſ K Å ß ẞ ŒUVRE œuvre Œ Ÿ Ý þ ð Ø × ÷ ¡ ¿ ª º ° µ ¶ § ¬ ¦ ¤ ¨ ¯ ´ ¸ ·"
).split(" ")
EMOJI = "😀 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 🇯🇵 ❤️ ☺ ✌🏿 🧑‍🚀 #️⃣ 1️⃣ 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 🫠 🫨 ⛄".split(" ")
CONTROLS = ["\x00", "\x07", "\x1b[31m", "\x1b[0m", "\x1b[", "\r\n", "\r", "\n", "\t", "\x0b", "\x0c", "\x1c", "\x1f", "\x7f", "\x85", "\x80", "\x92", "\x9d", "\u2028", "\u2029", "\ufeff", "\ufffc", "\ufffd", "\u200c", "\u200d", "\u200e", "\u202e", "\u206a", "\u00ad", "\u061c", "\ufe0f", "\u0345", "\u0307", "\u20dd"]
ENTITIES = ["&" + name for name in html.entities.html5]
ODD_ENTITIES = ["&amp;amp;", "&amp;lt;", "&#39;", "&#x27;", "&#0;", "&#128;", "&#x80;", "&#150;", "&#x110000;", "&#xD800;", "&#x1F600;", "&#59;", "&#38;#38;", "&#;", "&;", "& ", "&notit;", "&NTILDE;", "&nTILDE;", "&ampersand", "&copycat", "&#65", "&#x41g", "&AElig", "&EACUTE;", "&SZLIG;", "&#xfdd0;", "&#1;", "&#13;", "&lt;b&gt;", "&quot"]
ENCODINGS = ["latin-1", "windows-1252", "windows-1251", "windows-1250", "windows-1253", "windows-1254", "windows-1257", "iso-8859-2", "macroman", "cp437"]
MOJIBAKE_SOURCES = "déjà vu|naïve café|“quoted” – it’s…|à la mode|às vezes àquele|Übergröße|señor ñandú|Привет мир|Καλημέρα κόσμε|こんにちは|你好世界|한국어|😀👍|€100|100 °C|½ ™ ®|schön|Łódź|žluťoučký kůň|İstanbul|مرحبا|हिन्दी|ā ē ī|\u00a0x\u00a0|œuvre|ﬁn".split("|")


def mojibake(rng):
    text = rng.choice(MOJIBAKE_SOURCES)
    if rng.random() < 0.4:
        text = f"{rng.choice(WORDS)} {text} {rng.choice(WORDS)}"
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        encoding = rng.choice(ENCODINGS)
        if rng.random() < 0.5:
            encoding = "sloppy-" + encoding if encoding.startswith("windows") else encoding
        text = text.encode("utf-8", "replace").decode(encoding, rng.choice(["replace", "ignore"]))
    if rng.random() < 0.3:
        text = text.replace("\xa0", " ")
    if rng.random() < 0.15:
        text = text.replace("\ufffd", "?")
    if rng.random() < 0.2:
        text = rng.choice(WORDS) + " " + text + rng.choice(EMOJI)
    return text


def cesu(rng):
    """Surrogates in UTF-8, Java nulls and cut sequences, read in a single-byte encoding."""
    raw = b""
    for _ in range(rng.randint(1, 4)):
        raw += rng.choice([
            b"\xed\xa0\xbd\xed\xb8\x80",
            b"\xc0\x80", b"\xc0", b"\xed\xa0\xbd", b"\xed", "é".encode(), "é’".encode(), b"abc", b" ", b"\n", "한".encode(), bytes([rng.randint(0x80, 0xFF), rng.randint(0x20, 0xFF)]),
        ])
    return raw.decode(rng.choice(["latin-1", "sloppy-windows-1252", "macroman", "cp437"]))


def character(rng):
    kind = rng.random()
    if kind < 0.25:
        return chr(rng.randint(0x20, 0x7E))
    if kind < 0.45:
        return chr(rng.randint(0x80, 0x17F))
    if kind < 0.6:
        return rng.choice("ÂÃÎÐÅØÙàâåœŒ€™”“’‘…°±×²³£¢®©·»«´¨¬¦¤¡¿ªºµ¶§ŠšŽžŸƒ†‡‰‹›вЂГВРСЎўβΒΓΞΟĀā√≈‚Äîïòû│┌█▒═╬Ã Â \xa0\xad\x81\x8d\x90\x9d\ufffd")
    if kind < 0.8:
        return chr(rng.randint(0x180, 0xFFFF))
    return chr(rng.randint(0x10000, 0x10FFFF) if rng.random() < 0.3 else rng.randint(0x10000, 0x1FFFF))


def scramble(rng):
    return "".join(character(rng) for _ in range(rng.randint(1, 24)))


def phrase(rng):
    pools = [WORDS] * 12 + [EMOJI, CONTROLS, ENTITIES, ODD_ENTITIES, CONTROLS]
    glue = rng.choice([" ", " ", " ", "", "  ", "\u3000", "\n", "\t"])
    return glue.join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 12)))


def mixture(rng):
    return rng.choice(["", " ", "\n"]).join(make(rng) for make in rng.choices([phrase, mojibake, scramble, cesu], k=rng.randint(2, 3)))


def fixed():
    rng = random.Random(8)
    yield from ["", " ", "a photo of a cat", "a photo of a dog", "\n", "\x00", "\ud83d", "\udca9", "\ud83d\udca9", "a\ud800b", "\udca9\ud83d", "é\udc00"]
    yield "hello " * 200
    yield "word" * 2500
    yield "".join(rng.choice("abcdefghij ") for _ in range(10_000))
    yield "".join(character(rng) for _ in range(10_000))
    yield "Ã©" * 5000
    yield "😀" * 100
    yield "9" * 300
    yield "!" * 500
    yield "&amp;" * 30 + "&" + "amp;" * 40 + "lt;"
    yield "line one\nline <b>two</b> &eacute;\nline three &eacute;"
    yield "&eacute;\n<i>&eacute;</i>\n&eacute;"
    yield from WORDS + EMOJI + CONTROLS + ODD_ENTITIES
    yield from MOJIBAKE_SOURCES
    # Every character where case, composition or width could matter, a handful in a text.
    points = [*range(0x80, 0x600), *range(0x1C80, 0x2200), *range(0x2C00, 0x2E00), *range(0xA640, 0xA800), *range(0xAB30, 0xABC0), *range(0xF900, 0x10000), *range(0x10400, 0x10450), *range(0x1E900, 0x1E960)]
    for start in range(0, len(points), 24):
        yield " ".join("x" + chr(point) for point in points[start : start + 24])
    for start in range(0, len(ENTITIES), 12):
        yield " ".join(ENTITIES[start : start + 12])


def drawn(rng, count):
    makers = [phrase, phrase, mojibake, mojibake, scramble, cesu, mixture]
    for _ in range(count):
        yield rng.choice(makers)(rng)


def utf16(text):
    """Surrogates that Python keeps apart and JSON would join are the same text to everyone else."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def write(path, texts):
    tokenizer = SimpleTokenizer()
    texts = [utf16(text) for text in texts]
    rows = []
    for text in texts:
        ids = tokenizer([text])[0].numpy()
        rows.append([text, ids[: int(numpy.flatnonzero(ids)[-1]) + 1].tolist()])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(rows, separators=(",", ":")).encode(), mtime=0))
    print(f"{path.name}: {len(rows)} texts, {path.stat().st_size} bytes", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fuzz", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.fuzz:
        write(args.out, drawn(random.Random(args.seed), args.fuzz))
    else:
        write(ROOT / "test/vectors/tokenizer/texts.json.gz", [*fixed(), *drawn(random.Random(5), 5000)])


main()
