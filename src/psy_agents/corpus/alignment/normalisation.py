"""Text in a form that does not depend on how it was typed, with an exact map to the characters of the original.

Two texts have the same form if they differ only in Unicode composition and compatibility (ligatures, full width),
case, the kind of quotes, apostrophes and dashes, an ellipsis or three dots, the kind and amount of white space,
invisible characters (zero width, soft hyphen), the vowel signs of Arabic and Hebrew, or UTF-8 that was read as
Windows-1252 ("mojibake") in the three leading bytes that English and Western European texts have.

The text is read in pieces, each of which is normalised on its own: a grapheme cluster (Unicode Standard Annex 29),
so that a letter and its combining marks stay together, or one mojibake character. The form of a piece depends on nothing
outside it, so the form of a span of whole pieces is the same part of the text's form.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import regex

QUOTES = {"'": "‘’‚‛‹›`´′ʹʻʼʽˈ", '"': "“”„‟«»″"}
DASHES = "‐‑‒–—―−⁃⸺⸻﹘"
PUNCTUATION = str.maketrans({kind: plain for plain, kinds in {**QUOTES, "-": DASHES}.items() for kind in kinds})

# Bytes 80 to BF as Windows-1252 shows them; the five that it leaves undefined come through as control characters.
CONTINUATION = {bytes([byte]).decode("cp1252", "ignore") or chr(byte): byte for byte in range(0x80, 0xC0)}
BYTE_OF = CONTINUATION | {"Â": 0xC2, "Ã": 0xC3, "â": 0xE2}
_CONTINUATION_CLASS = "[" + regex.escape("".join(CONTINUATION)) + "]"
# Other leading bytes would take German "ß“" or Polish quotes for mojibake.
_MOJIBAKE = f"[ÂÃ]{_CONTINUATION_CLASS}|â[€‚„]{_CONTINUATION_CLASS}"
MOJIBAKE = regex.compile(_MOJIBAKE)
PIECE = regex.compile(rf"(?:{_MOJIBAKE})[\p{{M}}\p{{Default_Ignorable_Code_Point}}]*|\X")

# Control characters, the empty Braille pattern and the Arabic stroke that only lengthens a word are not seen either.
_UNSEEN = r"\p{Default_Ignorable_Code_Point}\x00-\x08\x0e-\x1b\x7f\u2800\u0640\ufff9-\ufffb"
UNSEEN = regex.compile(rf"[{_UNSEEN}]+")
_SEEN = rf"[^\s\x1c-\x1f{_UNSEEN}]"
# Signs of vowels and of reading that Arabic and Hebrew mostly leave out; hamza and madda, which make other letters, stay.
VOWEL_SIGNS = regex.compile(
    r"[\u064b-\u0652\u0656-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
    r"\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]+"
)
FIRST_SEEN = regex.compile(_SEEN)
LAST_SEEN = regex.compile(rf"(?r){_SEEN}")


@dataclass(frozen=True)
class Normalised:
    """A text's form, and the origin of each of its characters.

    Attributes:
        text: the form: runs of white space are one space, runs of dashes one hyphen.
        start, end: (characters of the form) int64 offsets in the original of the piece, or of the run of pieces, that
            the character comes from. Not decreasing.
    """

    text: str
    start: np.ndarray
    end: np.ndarray

    @cached_property
    def opens(self) -> np.ndarray:
        """(characters of the form) True where a character is the first of its piece: a span may start there."""
        return np.diff(self.start, prepend=-1) > 0

    @cached_property
    def closes(self) -> np.ndarray:
        """(characters of the form) True where a character is the last of its piece: a span may end after it."""
        return np.diff(self.end, append=np.iinfo(np.int64).max) > 0

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original of the part ``start`` to ``end`` (exclusive) of the form."""
        return int(self.start[start]), int(self.end[end - 1])


def normalise(text: str) -> Normalised:
    """The form of ``text`` with its map."""
    pieces = PIECE.findall(text)
    forms = [_form(piece) for piece in pieces]
    joined = "".join(forms)
    stop = np.cumsum(np.fromiter(map(len, pieces), np.int64, len(pieces)))
    length = np.fromiter(map(len, forms), np.int64, len(forms))
    end = np.repeat(stop, length)
    start = np.repeat(np.concatenate([[0], stop])[:-1], length)

    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    # A space or hyphen with a combining mark is not part of a run: its piece has a longer form.
    in_run = ((codes == ord(" ")) | (codes == ord("-"))) & (np.repeat(length, length) == 1)
    repeated = (codes[1:] == codes[:-1]) & in_run[1:] & in_run[:-1]
    first, last = np.ones((2, len(codes)), dtype=bool)
    first[1:] = last[:-1] = ~repeated
    return Normalised(codes[first].tobytes().decode("utf-32-le", "surrogatepass"), start[first], end[last])


def is_blank(text: str) -> bool:
    """True for a text of white space and invisible characters alone."""
    return FIRST_SEEN.search(text) is None


def trim(text: str) -> str:
    """``text`` without white space and invisible characters at its two ends."""
    first = FIRST_SEEN.search(text)
    return text[first.start() : LAST_SEEN.search(text).end()] if first else ""


@lru_cache(maxsize=1 << 16)
def _form(piece: str) -> str:
    misread = MOJIBAKE.match(piece)
    if misread:
        piece = bytes(BYTE_OF[character] for character in misread.group()).decode("utf-8") + piece[misread.end() :]
    piece = UNSEEN.sub("", piece)
    if not piece or piece.isspace():
        return piece and " "
    # Punctuation goes first: in compatibility form an acute accent is a space and a combining mark.
    piece = piece.translate(PUNCTUATION)
    form = unicodedata.normalize("NFKC", piece)
    if any(character.isspace() for character in form):
        form = unicodedata.normalize("NFC", piece)
    # Case folding can undo a composition and add an apostrophe.
    form = unicodedata.normalize("NFC", form.casefold()).translate(PUNCTUATION)
    return VOWEL_SIGNS.sub("", form) or form
