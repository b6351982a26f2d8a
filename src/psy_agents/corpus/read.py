"""The corpus at the border: raw tables are checked once, in the user's words, and trusted from there on.

No message ever quotes a post, a sentence or an explanation: files, columns, counts and row numbers only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from psy_agents.errors import UserError

POST_COLUMNS = ("post_id", "text")
ANNOTATION_COLUMNS = ("post_id", "sentence_text", "DSM5_symptom", "status")
STATUSES = {"0": 0, "1": 1}


def check_posts(frame: pd.DataFrame, source: str) -> pd.DataFrame:
    """The posts as ``post_id``, ``text``, both str; texts are untouched, so that offsets into them hold.

    Outer whitespace of ids is removed. Posts without text stay: `build_pairs` sets them aside and counts them.

    Args:
        frame: the file as read, every cell a string.
        source: the file's name, for messages.
    """
    posts = _columns_as_text(frame, POST_COLUMNS, source)
    posts["post_id"] = posts["post_id"].str.strip()
    _refuse_blank(posts, "post_id", source)
    repeated = int(posts["post_id"].duplicated().sum())
    if repeated:
        raise UserError(
            f"{source}: {repeated} of {len(posts)} rows repeat a post_id of an earlier row: "
            f"keep one row for each post."
        )
    if not has_text(posts).any():
        raise UserError(f"{source}: column text is blank in all {len(posts)} rows: give the posts' texts.")
    return posts


def check_annotations(frame: pd.DataFrame, source: str) -> pd.DataFrame:
    """The annotations as ``post_id``, ``sentence_text``, ``criterion`` (str) and ``status`` (int8, 0 or 1).

    ``criterion`` is the file's column ``DSM5_symptom``; columns that nothing reads (``sentence_id``,
    ``explanation``) are left behind and may be missing.

    Args:
        frame: the file as read, every cell a string.
        source: the file's name, for messages.
    """
    annotations = _columns_as_text(frame, ANNOTATION_COLUMNS, source)
    for column in ("post_id", "DSM5_symptom"):
        annotations[column] = annotations[column].str.strip()
        _refuse_blank(annotations, column, source)
    status = annotations["status"].str.strip().map(STATUSES)
    wrong = status.isna()
    if wrong.any():
        raise UserError(
            f"{source}: column status is neither 0 nor 1 in {int(wrong.sum())} of {len(annotations)} rows, "
            f"first in {_first_row(wrong)}: write 1 where the sentence shows the criterion and 0 where it does not."
        )
    annotations["status"] = status.astype("int8")
    return annotations.rename(columns={"DSM5_symptom": "criterion"})


def check_criteria(mapping: Mapping[str, str], source: str) -> dict[str, str]:
    """The criteria as id -> text in the file's order, without outer whitespace."""
    if not isinstance(mapping, Mapping) or not mapping:
        raise UserError(f"{source}: no criteria: write a JSON object of at least one criterion, id and text.")
    not_text = sum(not isinstance(part, str) for item in mapping.items() for part in item)
    if not_text:
        raise UserError(f"{source}: {not_text} ids or texts of {len(mapping)} criteria are not strings: quote them.")
    blank = sum(not criterion.strip() or not text.strip() for criterion, text in mapping.items())
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
    """True for each post whose text is more than whitespace."""
    return posts["text"].str.strip() != ""


def _columns_as_text(frame: pd.DataFrame, columns: Sequence[str], source: str) -> pd.DataFrame:
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise UserError(
            f"{source}: column{'s' * (len(missing) > 1)} {', '.join(missing)} missing from its {len(frame)} rows: "
            f"name the columns {', '.join(columns)} in the first line, in UTF-8."
        )
    if frame.empty:
        raise UserError(f"{source}: the file has columns but no rows (0 rows): add at least one row.")
    return frame.loc[:, list(columns)].fillna("").astype(str).reset_index(drop=True)


def _refuse_blank(frame: pd.DataFrame, column: str, source: str) -> None:
    blank = frame[column] == ""
    if blank.any():
        raise UserError(
            f"{source}: column {column} is blank in {int(blank.sum())} of {len(frame)} rows, "
            f"first in {_first_row(blank)}: fill it or remove those rows."
        )


def _first_row(flags: pd.Series) -> str:
    return f"row {int(flags.to_numpy().argmax()) + 1} below the header"
