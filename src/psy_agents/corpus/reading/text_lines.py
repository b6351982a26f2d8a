"""Raw text files as lines: UTF-8, also packed with gzip; anything else is refused with its place."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from psy_agents.errors import UserError

BYTE_ORDER_MARKS = {  # UTF-32 first: its little-endian mark begins with UTF-16's.
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
CHUNK_BYTES = 2**24
LONGEST_LINE = 2**26
"""Characters of a row's line: far more than the longest post."""
LARGEST_VALUE = 2**29
"""Characters of a file that is one value, which is read as a whole and takes several times its size."""
BOMB_BYTES, BOMB_RATIO = 2**28, 200
"""A file that unpacks to more bytes and to more times its size is no text, which packs to a tenth."""


@contextmanager
def file_errors(path: Path, name: str) -> Iterator[None]:
    """Turn errors of opening and reading a file into sentences."""
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # Opening a named pipe waits for someone to write.
            raise UserError(f"{name}: this is no file, but a pipe, a socket or a device: name a file.")
        yield
    except FileNotFoundError:
        raise
    except IsADirectoryError:
        raise UserError(f"{name}: this is a folder: name a file in it.") from None
    except PermissionError:
        raise UserError(f"{name}: the file may not be read: give yourself the permission.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UserError(f"{name}: the file is not gzip, or cut off or damaged: pack or copy it again.") from None
    except OSError as error:
        kind = error.strerror or type(error).__name__
        raise UserError(f"{name}: the file cannot be read ({kind}): check its path and its disk.") from None


def _opened(path: Path, name: str) -> BinaryIO:
    if not path.name.lower().endswith(".gz"):
        return path.open("rb")
    size, most = 0, max(BOMB_BYTES, BOMB_RATIO * path.stat().st_size)
    with gzip.open(path) as file:  # Damage shows at the end only, and until then unpacks to text that is not to blame.
        while part := file.read(CHUNK_BYTES):
            size += len(part)
            if size > most:
                raise UserError(f"{name}: the file unpacks to more than {BOMB_RATIO} times its size, so it holds no posts: pack it again.")
    return gzip.open(path)


def text_lines(path: Path, name: str, longest: int | None = None) -> Iterator[str]:
    """The file's lines, each with its own line end.

    Args:
        longest: characters that a line may have; None where the file is one value, which has LARGEST_VALUE at most.
    """
    size = 0
    with TextIOWrapper(_opened(path, name), encoding="utf-8-sig", newline="") as text:
        try:
            for number, line in enumerate(iter(lambda: text.readline((longest or LARGEST_VALUE) + 1), ""), 1):
                size += len(line)
                if longest is None and size > LARGEST_VALUE:
                    raise UserError(
                        f"{name}: the file has more than {LARGEST_VALUE:,} characters, which are read at once: split it, or write one "
                        f"object a line (.jsonl)."
                    )
                if longest is not None and len(line) > longest:
                    raise UserError(f"{name}, line {number}: the line has more than {longest:,} characters: write one row a line.")
                if "\0" in line:
                    raise UserError(
                        f"{name}, line {number}: there is a NUL byte: the file is damaged or UTF-16, save it as UTF-8."
                    )
                yield line
        except UnicodeDecodeError:
            raise _encoding_error(path, name) from None


def _encoding_error(path: Path, name: str) -> UserError:
    """Where a file that is not UTF-8 first shows it: the decoder itself knows only its place in a buffer."""
    with _opened(path, name) as file:
        mark = file.read(4)
        for start, encoding in BYTE_ORDER_MARKS.items():
            if mark.startswith(start):
                return UserError(f"{name}: the file is in {encoding}: save it as UTF-8.")
        file.seek(0)
        line, offset = 1, 0
        for part in file:  # Up to a LF, which is never a part of another character.
            try:
                part.decode()
            except UnicodeDecodeError as error:
                line += _line_ends(part[: error.start])
                wrong = part[error.start]
                offset += error.start + 1
                break
            line += _line_ends(part)
            offset += len(part)
        else:
            return UserError(f"{name}: the file changed while it was read: read it again.")
    return UserError(f"{name}, line {line}: byte {offset} of the file (0x{wrong:02x}) is not UTF-8: save it as UTF-8.")


def _line_ends(part: bytes) -> int:
    return part.count(b"\n") + part.count(b"\r") - part.count(b"\r\n")
