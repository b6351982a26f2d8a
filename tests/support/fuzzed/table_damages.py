"""Damages to the tables of a corpus; each takes the draft and changes it in place."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from support.fuzzed.draft import CRITERIA, ID_MARK, NUMBER_MARK, Draft, Rows, random_sentence


def _table(draft: Draft, random: Random) -> Rows:
    return random.choice((draft.posts, draft.annotations))


def _some_rows(rows: Rows, random: Random) -> Rows:
    """One to three rows below the header; the same lists, to be changed."""
    return random.sample(rows[1:], min(len(rows) - 1, random.randint(1, 3)))


def _swap_columns(draft: Draft, random: Random) -> None:
    """Two names in the header change places, not their cells."""
    header = _table(draft, random)[0]
    first, second = random.choices(range(len(header)), k=2)
    header[first], header[second] = header[second], header[first]


def _drop_column(draft: Draft, random: Random) -> None:
    rows = _table(draft, random)
    place = random.randrange(len(rows[0]))
    for row in rows if len(rows[0]) > 1 else []:
        del row[place]


def _drop_header(draft: Draft, random: Random) -> None:
    del _table(draft, random)[0]


def _duplicate_header(draft: Draft, random: Random) -> None:
    header = _table(draft, random)[0]
    first, second = random.choices(range(len(header)), k=2)
    header[first] = header[second]


def _spaces_in_header(draft: Draft, random: Random) -> None:
    header = _table(draft, random)[0]
    header[0] = f" {header[0]} "


def _odd_ids(draft: Draft, random: Random) -> None:
    """Ids that are paths, numbers or several lines, the same in both tables."""
    odd: Callable[[int], str] = random.choice(
        (
            lambda n: f"../{ID_MARK}/{n}",
            lambda n: f"{ID_MARK} {n} b",
            lambda n: f"{ID_MARK}\n{n}",
            lambda n: f"000{NUMBER_MARK}{n}",
            lambda n: f"{NUMBER_MARK}{n}",
            lambda n: f"{NUMBER_MARK}{n}.0",
            lambda n: f'{ID_MARK}",{n}',
            lambda n: f"{ID_MARK}é’{n}" * 50,
        )
    )
    new = {row[0]: odd(number) for number, row in enumerate(draft.posts[1:])}
    for rows in (draft.posts, draft.annotations):
        for row in rows[1:]:
            row[0] = new.get(row[0], row[0])


def _duplicate_ids(draft: Draft, random: Random) -> None:
    for row in _some_rows(draft.posts, random):
        row[0] = draft.posts[1][0] + random.choice(("", " ", "\n"))


def _blank_cells(draft: Draft, random: Random) -> None:
    for row in _some_rows(_table(draft, random), random):
        row[random.randrange(len(row))] = random.choice(("", " ", "\n\t", "\u00a0", "\u200b"))


def _duplicate_rows(draft: Draft, random: Random) -> None:
    rows = _table(draft, random)
    rows.extend(list(row) for row in _some_rows(rows, random))


def _orphans(draft: Draft, random: Random) -> None:
    for row in _some_rows(draft.annotations, random):
        row[0] = f"{ID_MARK}_gone_{random.randint(0, 9)}"


def _wrong_status(draft: Draft, random: Random) -> None:
    for row in _some_rows(draft.annotations, random):
        row[4 % len(row)] = random.choice(("2", "-1", "1.0", "yes", "", "zqtrue", "１"))


def _conflicts(draft: Draft, random: Random) -> None:
    for row in _some_rows(draft.annotations, random):
        other = list(row)
        other[4 % len(row)] = "1" if other[4 % len(row)] == "0" else "0"
        draft.annotations.append(other)


def _unknown_labels(draft: Draft, random: Random) -> None:
    """Labels, ids and texts in the column of labels; of a text also a single word, or one without spaces."""
    for row in _some_rows(draft.annotations, random):
        row[3 % len(row)] = random.choice(
            ("SPECIAL_CASE", "ANGER", "sleep", "zqword", "眠れないzq。", f"{ID_MARK}_001", random_sentence(random), "zq " * 200)
        )


def _absent_sentences(draft: Draft, random: Random) -> None:
    for row in _some_rows(draft.annotations, random):
        row[2 % len(row)] = random.choice(("zqnowhere to be found in zqit", "zq", "", "…", "zq" * 5000))


def _altered_sentences(draft: Draft, random: Random) -> None:
    for row in _some_rows(draft.annotations, random):
        sentence = row[2 % len(row)]
        row[2 % len(row)] = random.choice((sentence.upper(), sentence.replace(" ", "  "), sentence[:-1], sentence + " zqmore"))


def _no_rows(draft: Draft, random: Random) -> None:
    del _table(draft, random)[1:]


def _equal_posts(draft: Draft, random: Random) -> None:
    for row in draft.posts[1:]:
        row[1 % len(row)] = draft.posts[1][1 % len(row)]


def _few_posts(draft: Draft, random: Random) -> None:
    del draft.posts[random.randint(2, 3) :]


def _no_positive(draft: Draft, random: Random) -> None:
    for row in draft.annotations[1:]:
        row[4 % len(row)] = "0"


def _quotes_in_cells(draft: Draft, random: Random) -> None:
    for row in _some_rows(_table(draft, random), random):
        place = random.randrange(len(row))
        row[place] = random.choice(('"', '""', '","', "'", '"\n"')) + row[place] + random.choice(('"', "", ',"'))


def _control_characters(draft: Draft, random: Random) -> None:
    for row in _some_rows(_table(draft, random), random):
        row[random.randrange(len(row))] += random.choice(("\x01zq", "\u2028zq", "\x85zq", "\x1c", "\ufeff", "\U000e0001", "\x7f"))


def _odd_criteria(draft: Draft, random: Random) -> None:
    draft.criteria.append(
        random.choice(
            (
                ("", "A blank id."),
                ("NEW", " "),
                ("NEW", 3),
                ("NEW", None),
                ("NEW", ["a list"]),
                (CRITERIA[0], "A second text."),
                (f" {CRITERIA[0]}\n", "The same but for white space."),
                ("../up", "An id that is a path."),
                ("x" * 500, "A long id."),
                ("SPECIAL_CASE", "An id that the policies name."),
            )
        )
    )


def _no_criteria(draft: Draft, random: Random) -> None:
    draft.criteria.clear()


TABLE_DAMAGES = {
    function.__name__[1:]: function
    for function in (
        _swap_columns, _drop_column, _drop_header, _duplicate_header, _spaces_in_header, _odd_ids, _duplicate_ids,
        _blank_cells, _duplicate_rows, _orphans, _wrong_status, _conflicts, _unknown_labels, _absent_sentences,
        _altered_sentences, _no_rows, _equal_posts, _few_posts, _no_positive, _quotes_in_cells, _control_characters,
        _odd_criteria, _no_criteria,
    )
}  # fmt: skip
