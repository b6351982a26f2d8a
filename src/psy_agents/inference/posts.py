"""A file of new posts: checked from start to end before anything is predicted, then read chunk by chunk."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path

import numpy as np

from psy_agents.corpus.agreement import check_file
from psy_agents.corpus.alignment.normalisation import is_blank
from psy_agents.corpus.reading.rows import read_rows
from psy_agents.errors import UserError
from psy_agents.files.checksums import checksum
from psy_agents.inference.config import PredictConfig

SETTING = "predict.columns"
SORTED_ROWS = 2**16  # Hashes that are compared at a time; all of them in sorted order would be a second copy.


@dataclass(frozen=True)
class Post:
    """A row of the file; the text is unchanged, so offsets into it are valid."""

    post_id: str
    text: str

    @property
    def blank(self) -> bool:
        """Whether the text is empty, or white space and invisible characters alone."""
        return is_blank(self.text)


@dataclass(frozen=True)
class CheckedFile:
    """A file that passed its checks.

    Attributes:
        posts: rows with a text. blank: rows without one.
        sha256: checksum of the file. size_and_mtime: see `size_and_mtime`.
    """

    posts: int
    blank: int
    sha256: str
    size_and_mtime: tuple[int, int]


def read_posts(config: PredictConfig) -> Iterator[Post]:
    """Yield the first ``max_posts`` posts in the file's order; ids are stripped of outer white space.

    Raises:
        UserError: the file is missing or cannot be read.
    """
    columns = (config.columns.post_id, config.columns.text)
    check_file(config.posts_file, config.project)
    try:
        rows = read_rows(config.posts_file, columns, config.posts_name, SETTING)
        for post_id, text in islice(rows, config.max_posts):
            yield Post(post_id.strip(), text)
    except FileNotFoundError:
        raise UserError(f"{config.posts_name} is missing: put the posts there, or name their file in predict.posts.") from None


def check_posts_file(config: PredictConfig) -> CheckedFile:
    """Read the file to its end: its mistakes are reported before hours of predicting.

    Each row takes 16 bytes of memory, a hash of its id, and 24 more bytes while hashes are sorted to find repeats.

    Raises:
        UserError: the file is missing, cannot be read, lacks a column or rows, repeats an id, or has blank ids, blank
            texts (unless they are set aside) or a post that is too long; the message gives counts and row numbers.
    """
    name, columns = config.posts_name, config.columns
    no_id, no_text, too_long = _Rows(), _Rows(), _Rows()
    ids, longest, rows = array("Q"), 0, 0
    for rows, post in enumerate(read_posts(config), start=1):  # noqa: B007
        ids.frombytes(blake2b(post.post_id.encode(), digest_size=16).digest())
        longest = max(longest, len(post.text))
        no_id.add(rows, not post.post_id)
        no_text.add(rows, post.blank)
        too_long.add(rows, len(post.text) > config.longest_post)
    if not rows:
        raise UserError(f"{name}: the file has columns but no rows: add at least one post.")
    if no_id.count:
        raise UserError(f"{name}: column {columns.post_id} is blank in {no_id.of(rows)}: fill it or remove those rows.")
    repeated = _repeats(np.frombuffer(ids, dtype=np.uint64).reshape(-1, 2))
    if len(repeated):
        raise UserError(
            f"{name}: {len(repeated)} of {rows} rows repeat a {columns.post_id} of an earlier row, "
            f"first row {repeated.min() + 1}: keep one row for each post."
        )
    if no_text.count == rows:
        raise UserError(f"{name}: column {columns.text} is blank in all {rows} rows: give the posts' texts.")
    if no_text.count and config.blank_texts == "error":
        raise UserError(
            f"{name}: column {columns.text} is blank in {no_text.of(rows)}: fill it, remove those rows, or leave them out "
            f"by predict.blank_texts=set_aside."
        )
    if too_long.count:
        raise UserError(
            f"{name}: the text has more than {config.longest_post} characters in {too_long.of(rows)}, {longest} at the most: cut those "
            f"posts, or raise predict.longest_post where the memory suffices."
        )
    return CheckedFile(rows - no_text.count, no_text.count, checksum(config.posts_file), size_and_mtime(config.posts_file))


def chunks(posts: Iterable[Post], most_posts: int, most_characters: int) -> Iterator[list[Post]]:
    """Cut the posts with a text into chunks; where depends on the posts and the two limits alone."""
    chunk: list[Post] = []
    characters = 0
    for post in posts:
        if post.blank:
            continue
        if chunk and (len(chunk) == most_posts or characters + len(post.text) > most_characters):
            yield chunk
            chunk, characters = [], 0
        chunk.append(post)
        characters += len(post.text)
    if chunk:
        yield chunk


def size_and_mtime(path: Path) -> tuple[int, int]:
    """Size and time of the last change; a file that was written meanwhile has others."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


class _Rows:
    """Counts faulty rows and keeps the numbers of the first few; row 1 is the first below the header."""

    SHOWN = 5

    def __init__(self) -> None:
        self.count = 0
        self._first: list[int] = []

    def add(self, row: int, faulty: bool) -> None:
        if faulty:
            self.count += 1
            if len(self._first) < self.SHOWN:
                self._first.append(row)

    def of(self, rows: int) -> str:
        first = ", ".join(map(str, self._first)) + (" and more" if self.count > len(self._first) else "")
        return f"{self.count} of {rows} rows (counted below the header: {first})"


def _repeats(hashes_N2: np.ndarray) -> np.ndarray:
    """Indices of the rows whose hash equals that of an earlier row."""
    order = np.lexsort((hashes_N2[:, 1], hashes_N2[:, 0]))  # Stable: the earliest of equal hashes comes first.
    found = []
    for begin in range(0, len(order), SORTED_ROWS):
        places = order[begin : begin + SORTED_ROWS + 1]  # The last one is the next block's first.
        ordered = hashes_N2[places]
        found.append(places[1:][(ordered[1:] == ordered[:-1]).all(axis=1)])
    return np.concatenate(found)
