"""Damages to the bytes of a file; each takes the content and returns another."""

from __future__ import annotations

import codecs
from random import Random


def _truncate(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _empty(content: bytes, random: Random) -> bytes:
    return random.choice((b"", b"\n", b" ", codecs.BOM_UTF8))


def _nul_bytes(content: bytes, random: Random) -> bytes:
    place = random.randrange(len(content) + 1)
    return content[:place] + b"\0" * random.randint(1, 5) + content[place:]


def _other_encoding(content: bytes, random: Random) -> bytes:
    text = content.decode("utf-8", "replace")
    return text.encode(random.choice(("latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32", "shift_jis")), "replace")


def _unbalanced_quote(content: bytes, random: Random) -> bytes:
    place = random.randrange(len(content) + 1)
    return content[:place] + b'"' + content[place:]


def _cut_out(content: bytes, random: Random) -> bytes:
    first, last = sorted(random.randrange(len(content) + 1) for _ in range(2))
    return content[:first] + content[last:]


def _flip_bytes(content: bytes, random: Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(random.randint(1, 10)):
        if damaged:
            damaged[random.randrange(len(damaged))] = random.randrange(256)
    return bytes(damaged)


def _twice(content: bytes, random: Random) -> bytes:
    return content + content


def _separators(content: bytes, random: Random) -> bytes:
    return content.replace(b",", b";")


BYTE_DAMAGES = {
    function.__name__[1:]: function
    for function in (
        _truncate, _empty, _nul_bytes, _other_encoding, _unbalanced_quote, _cut_out, _flip_bytes, _twice, _separators,
    )
}  # fmt: skip
