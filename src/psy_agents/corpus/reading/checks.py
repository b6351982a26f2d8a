"""Checks of the raw tables: they are checked once here and trusted everywhere else.

No message quotes a post, a sentence or an explanation: messages give files, columns, counts and row numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from psy_agents.corpus.alignment.normalisation import is_blank
from psy_agents.corpus.config import AnnotationColumns, PostColumns
from psy_agents.corpus.reading.frames import UNREADABLE
from psy_agents.errors import UserError

STATUSES = {"0": 0, "0.0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1}
OFFSET = r"^(\d{1,15})(?:\.0+)?$"
NAMES_OF_SPLITS = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}


def check_posts(frame: pd.DataFrame, source: str, columns: PostColumns = PostColumns()) -> pd.DataFrame:
    """The posts as ``post_id``, ``text`` and, where the corpus has them, ``group`` and ``split``, all str.

    Texts are unchanged, so offsets into them stay valid; outer whitespace of ids and groups is removed. Splits are train,
    validation (or valid, val, dev) or test in the file, whatever their case; a post without text needs none.

    Args:
        frame: the file as read, every cell a string; or a mapping from ids to texts, as a JSON object.
        source: the file's name, for messages.
        columns: their names in the file.
    """
    if isinstance(frame, Mapping):
        frame = _posts_of_object(frame, source, columns)
    posts = _columns_as_text(frame, columns.model_dump(exclude_none=True), source)
    posts["post_id"] = posts["post_id"].str.strip()
    _refuse_blank(posts["post_id"], columns.post_id, source)
    repeated = posts["post_id"].duplicated()
    if repeated.any():
        raise UserError(
            f"{source}: {int(repeated.sum())} of {len(posts)} rows repeat a {columns.post_id} of an earlier row, "
            f"first in {_first_row(repeated)}: keep one row for each post."
        )
    if not has_text(posts).any():
        raise UserError(f"{source}: column {columns.text} is blank in all {len(posts)} rows: give the posts' texts.")
    if "group" in posts:
        posts["group"] = posts["group"].str.strip()
    if "split" in posts:
        posts["split"] = _named_splits(posts, source, columns.split)
    return posts


def check_annotations(
    frame: pd.DataFrame, source: str, columns: AnnotationColumns = AnnotationColumns()
) -> pd.DataFrame:
    """The annotations as ``post_id``, ``sentence_text``, ``criterion`` (str), ``status`` (int8, 0 or 1) and, where the corpus has them,
    ``annotator`` (str), ``start`` and ``end`` (int64, -1 in a row without offsets).

    Unused columns (``sentence_id``, ``explanation``) are dropped and may be missing.

    Args:
        frame: the file as read, every cell a string.
        source: the file's name, for messages.
        columns: their names in the file.
    """
    if isinstance(frame, Mapping):
        raise UserError(f"{source}: the JSON is one object, not a table: write an array of one object a row.")
    annotations = _columns_as_text(frame, columns.model_dump(exclude_none=True), source)
    if "annotator" in annotations:
        annotations["annotator"] = annotations["annotator"].str.strip()
    for name, column in (("post_id", columns.post_id), ("criterion", columns.criterion)):
        annotations[name] = annotations[name].str.strip()
        _refuse_blank(annotations[name], column, source)
    status = annotations["status"].str.strip().str.casefold().map(STATUSES)
    wrong = status.isna()
    if wrong.any():
        raise UserError(
            f"{source}: column {columns.status} is neither 0 nor 1 in {int(wrong.sum())} of {len(annotations)} rows, "
            f"first in {_first_row(wrong)}: write 1 where the sentence shows the criterion and 0 where it does not."
        )
    annotations["status"] = status.astype("int8")
    if "start" in annotations:
        _check_offsets(annotations, source, columns)
    return annotations


def check_criteria(mapping: Mapping[str, str], source: str) -> dict[str, str]:
    """The criteria as id -> text in the file's order, without outer whitespace."""
    if not isinstance(mapping, Mapping) or not mapping:
        raise UserError(f"{source}: no criteria: write a JSON object of at least one criterion, id and text.")
    not_text = sum(not isinstance(part, str) for item in mapping.items() for part in item)
    if not_text:
        raise UserError(f"{source}: {not_text} ids or texts of {len(mapping)} criteria are not strings: quote them.")
    blank = sum(is_blank(criterion) or is_blank(text) for criterion, text in mapping.items())
    if blank:
        raise UserError(f"{source}: {blank} of {len(mapping)} criteria have a blank id or text: fill or remove them.")
    criteria = {criterion.strip(): text.strip() for criterion, text in mapping.items()}
    if len(criteria) < len(mapping):
        raise UserError(
            f"{source}: {len(mapping) - len(criteria)} of {len(mapping)} criteria repeat another's id but for "
            f"whitespace: keep one of each."
        )
    return criteria


def has_text(posts: pd.DataFrame) -> pd.Series:
    """True for each post whose text is more than white space and invisible characters."""
    return ~posts["text"].map(is_blank).astype(bool)


def _check_offsets(annotations: pd.DataFrame, source: str, columns: AnnotationColumns) -> None:
    """Make ``start`` and ``end`` numbers, in place."""
    cells = annotations[["start", "end"]].apply(lambda column: column.str.strip())
    blank = (cells == "").all(axis=1)
    numbers = cells.apply(lambda column: column.str.extract(OFFSET, expand=False)).where(~blank, "-1")
    wrong = numbers.isna().any(axis=1)
    numbers = numbers.where(~wrong, "-1", axis=0).astype("int64") if wrong.any() else numbers.astype("int64")
    wrong |= ~blank & (numbers["end"] <= numbers["start"])
    if wrong.any():
        raise UserError(
            f"{source}: columns {columns.start} and {columns.end} are no offsets in {int(wrong.sum())} of {len(annotations)} rows, "
            f"first in {_first_row(wrong)}: write whole numbers from 0, the end above the start, or leave both blank."
        )
    annotations[["start", "end"]] = numbers


def _posts_of_object(texts: Mapping[str, str], source: str, columns: PostColumns) -> pd.DataFrame:
    wrong = sum(not isinstance(text, str) for text in texts.values())
    if {columns.post_id, columns.text} <= set(texts):
        raise UserError(f"{source}: the JSON is the object of one row: write an array of one object a post.")
    if wrong or columns.split is not None or columns.group is not None:
        raise UserError(
            f"{source}: a JSON object of posts has ids and texts alone ({wrong} of {len(texts)} values are no texts): write an array of "
            f"one object a post, with the columns as keys."
        )
    return pd.DataFrame({columns.post_id: list(texts), columns.text: list(texts.values())}, dtype=str)


def _named_splits(posts: pd.DataFrame, source: str, column: str) -> pd.Series:
    named = posts["split"].str.strip().str.casefold().map(NAMES_OF_SPLITS)
    wrong = named.isna() & has_text(posts)
    if wrong.any():
        raise UserError(
            f"{source}: column {column} names no split in {int(wrong.sum())} of {len(posts)} rows, first in "
            f"{_first_row(wrong)}: write train, validation (or valid, val, dev) or test."
        )
    return named.fillna("")


def _columns_as_text(frame: pd.DataFrame, columns: Mapping[str, str], source: str) -> pd.DataFrame:
    """The columns under our names; ``columns`` maps our name to the file's."""
    missing = [column for column in columns.values() if column not in frame.columns]
    if missing:
        raise UserError(
            f"{source}: column{'s' * (len(missing) > 1)} {', '.join(missing)} missing from its {len(frame)} rows: "
            f"name the columns {', '.join(columns.values())} in the first line, in UTF-8, or say under "
            f"preprocessing.columns what they are called."
        )
    if frame.empty:
        raise UserError(f"{source}: the file has columns but no rows (0 rows): add at least one row.")
    chosen = {name: frame[column].fillna("").astype(str) for name, column in columns.items()}
    for name, cells in chosen.items():
        unread = cells.str.startswith(UNREADABLE)
        if unread.any():
            problem = cells[unread].iloc[0].removeprefix(UNREADABLE)
            raise UserError(f"{source}: column {columns[name]}, {int(unread.sum())} of {len(cells)} rows: {problem}.")
    return pd.DataFrame(chosen).reset_index(drop=True)


def _refuse_blank(cells: pd.Series, column: str, source: str) -> None:
    blank = cells == ""
    if blank.any():
        raise UserError(
            f"{source}: column {column} is blank in {int(blank.sum())} of {len(cells)} rows, "
            f"first in {_first_row(blank)}: fill it or remove those rows."
        )


def _first_row(flags: pd.Series) -> str:
    return f"row {int(flags.to_numpy().argmax()) + 1} below the header"
