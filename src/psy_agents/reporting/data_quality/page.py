"""The data-quality report as one HTML page that needs no server and no network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from psy_agents.corpus.config import SPLITS
from psy_agents.corpus.quality_figures import AnnotatorFigures, DataQuality, RowCounts
from psy_agents.reporting.page_parts import Cell, Chart, Section, Table
from psy_agents.reporting.templating import render
from psy_agents.reporting.texts import estimate_cell, percent, readable_name

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

ABSENT_SHOWN = 5
NOTABLE_SHARE_BEYOND = 0.1
NOTABLE_CLUSTER = 0.1
WINDOWS_SHOWN = 6


def headline(report: DataQuality) -> str:
    """The corpus in one sentence."""
    account, windows = report.account, report.windows
    posts, rows = account.posts, account.alignment.positive_rows
    placed = rows["in"] - rows["not_found"] - rows["blank"]
    positives = sum(split.positives for split in report.splits.values())
    share = report.windows.share_of_tokens_beyond
    used = "all used" if posts.used == posts.rows_in else f"{posts.used:,} used"
    beyond = "" if share is None else f"; {percent(share)} of the posts' tokens lie beyond the first window of {windows.max_length:,}"
    return (
        f"{_count(posts.rows_in, 'post')}, {used}; {placed:,} of {_count(rows['in'], 'positive row')} placed in their posts; "
        f"{positives:,} of {_count(account.pairs.used, 'pair')} positive{beyond}."
    )


def notes(report: DataQuality) -> list[str]:
    """What a reader should know before using the figures: what is missing, set aside or uncertain."""
    account, windows, rows = report.account, report.windows, report.account.alignment.rows
    found = _absences(report)
    for table, ledger in (("posts", account.posts), ("annotations", account.annotations), ("pairs", account.pairs)):
        if ledger.used < ledger.rows_in:
            found.append(f"Set aside: {ledger.rows_in - ledger.used:,} of {ledger.rows_in:,} {table} ({_reasons(ledger)}).")
    if rows["fuzzy"]:
        found.append(
            f"Placed by similarity alone (fuzzy): {rows['fuzzy']:,} of {_count(rows['in'], 'sentence')}. Such a place can be "
            f"wrong: check some of them."
        )
    lost = rows["not_found"] + rows["blank"]
    if lost:
        found.append(f"Not placed in their posts: {lost:,} of {_count(rows['in'], 'sentence')}, {rows['blank']:,} of them blank.")
    if account.pairs.evidence_unknown:
        found.append(
            f"Evidence unknown in whole or in part: {account.pairs.evidence_unknown:,} of "
            f"{_count(report.evidence.positive_pairs, 'positive pair')}. These pairs train only the criteria side."
        )
    if report.annotators is not None and not report.annotators.posts_of_several:
        found.append("No post has rows of several annotators, so their agreement is unknown.")
    if windows.share_of_tokens_beyond is not None and windows.share_of_tokens_beyond > NOTABLE_SHARE_BEYOND:
        found.append(
            f"{percent(windows.share_of_tokens_beyond)} of all tokens of posts lie beyond the first window (max_length "
            f"{windows.max_length:,}). Further windows read them, which costs time. A larger max_length needs fewer windows."
        )
    if report.clusters.largest > NOTABLE_CLUSTER * account.posts.used and report.clusters.largest > 1:
        found.append(
            f"The largest cluster of {_alike(report)} holds {report.clusters.largest:,} of {account.posts.used:,} posts, all "
            f"in one split. This distorts the sizes and labels of the splits."
        )
    if report.groups is not None and report.groups.without:
        found.append(
            f"Posts without a group: {report.groups.without:,} of {account.posts.used:,}. Those of one author or patient may stand in "
            f"several splits."
        )
    return found


def quality_page(report: DataQuality, labels: Figure, lengths: Figure, rows: Figure) -> str:
    """Lay out the page.

    Args:
        labels, lengths, rows: the figures of `psy_agents.reporting.data_quality.figures`.
    """
    return render(
        "psy_agents.reporting",
        "sections.html",
        title="Data quality",
        headline=headline(report),
        notes=notes(report),
        nothing_noted="Nothing is missing, set aside or uncertain.",
        sections={
            "Rows": Section([Chart("rows", rows)], _rows_tables(report)),
            "Labels": Section([Chart("labels", labels)], [_labels_table(report)]),
            "Splits and clusters": Section(tables=_splits_tables(report)),
            "Lengths and windows": Section([Chart("lengths", lengths)], _lengths_tables(report)),
            "Evidence": Section(tables=_evidence_tables(report)),
            **({} if report.annotators is None else {"Annotators": Section(tables=[_annotators_table(report.annotators)])}),
            "Settings": Section(tables=[_settings_table(report)]),
        },
    )


def _rows_tables(report: DataQuality) -> list[Table]:
    account = report.account
    ledgers = {
        "Posts": account.posts,
        "Annotations": account.annotations,
        "Places of sentences": account.places,
        "Pairs of post and criterion": account.pairs,
    }
    stages = account.alignment.rows
    return [
        Table(
            "Every row is used or set aside for one reason. A sentence that occurs twice in its post has two places.",
            ["Table", "In", "Used", "Set aside", "Reasons"],
            [
                [name, ledger.rows_in, ledger.used, ledger.rows_in - ledger.used, _reasons(ledger)]
                for name, ledger in ledgers.items()
            ],
        ),
        Table(
            "How the annotated sentences were found in their posts",
            ["Stage", "Rows", "Positive rows"],
            [
                [readable_name(stage), stages[stage], account.alignment.positive_rows[stage]]
                for stage in sorted(stages, key=lambda stage: stage == "in")
            ],
        ),
        Table(
            "Used pairs by origin",
            ["Origin", "Pairs"],
            [
                *([readable_name(name), count] for name, count in account.pairs.origins.items()),
                ["positive, evidence unknown in whole or in part", account.pairs.evidence_unknown],
                ["pairs with rows of both statuses", account.pairs.conflicting],
            ],
        ),
    ]


def _labels_table(report: DataQuality) -> Table:
    rows: list[list[Cell]] = []
    for criterion, figures in report.criteria.items():
        positives, pairs = sum(figures.positives.values()), sum(figures.pairs.values())
        by_split = [figures.positives[split] for split in SPLITS]
        absent = "; ".join(f"{split}: {reason}" for split, reason in figures.absent_because.items()) or "–"
        rows.append([criterion, *by_split, positives, pairs, _share(positives, pairs), figures.clusters_with_a_positive, absent])
    return Table(
        f"Positive pairs of each criterion by split. A cluster holds {_alike(report)}.",
        ["Criterion", *map(str.capitalize, SPLITS), "Positive", "Pairs", "Share", "Clusters", "Absent because"],
        rows,
    )


def _splits_tables(report: DataQuality) -> list[Table]:
    clusters, groups = report.clusters, report.groups
    of_groups: list[list[Cell]] = []
    if groups is not None:
        of_groups = [
            ["groups", groups.groups],
            ["groups of several posts", groups.of_several_posts],
            ["posts in the largest group", groups.largest],
            ["posts without a group", groups.without],
        ]
    return [
        Table(
            f"Splits by {report.settings.splits.method}",
            ["Split", "Posts", "Clusters", "Pairs", "Positive", "Share"],
            [
                [name, each.posts, each.clusters, each.pairs, each.positives, _share(each.positives, each.pairs)]
                for name, each in report.splits.items()
            ],
        ),
        Table(
            f"A cluster holds {_alike(report)}. It lies in one split, and resamples of the test posts draw it whole.",
            ["What", "Count"],
            [
                *of_groups,
                ["clusters", clusters.clusters],
                ["clusters of several posts", clusters.of_several_posts],
                ["posts in clusters of several", clusters.posts_in_them],
                ["posts in the largest cluster", clusters.largest],
            ],
        ),
    ]


def _lengths_tables(report: DataQuality) -> list[Table]:
    lengths, windows = report.lengths, report.windows
    return [
        Table(
            f"Tokens of a post, by {windows.encoder}",
            ["Posts", "Tokens"],
            [
                *([f"{step} have at most", tokens] for step, tokens in lengths.quantiles.items() if step not in ("0%", "100%")),
                ["shortest", lengths.quantiles["0%"]],
                ["longest", lengths.quantiles["100%"]],
                ["mean", f"{lengths.mean:,.1f}"],
                ["all", lengths.tokens],
            ],
        ),
        Table(
            f"A window of {windows.max_length:,} tokens holds {windows.room:,} tokens of the post: the longest criterion takes "
            f"{windows.longest_criterion:,} with special tokens. The next window repeats {windows.overlap:,}.",
            ["Windows a post", "Posts"],
            _window_rows(windows.windows_a_post),
        ),
        Table(
            "What lies beyond the first window",
            ["What", "Count", "Share"],
            [
                ["posts of several windows", windows.posts_of_several, percent(windows.share_of_posts_of_several)],
                ["tokens of posts", windows.tokens_beyond_the_first, percent(windows.share_of_tokens_beyond)],
            ],
        ),
    ]


def _evidence_tables(report: DataQuality) -> list[Table]:
    evidence = report.evidence
    return [
        Table(
            "Evidence spans of a positive pair. 0: no place is known.",
            ["Spans", "Positive pairs"],
            _window_rows(evidence.spans_a_pair),
        ),
        Table(
            "Where the evidence lies",
            ["What", "Count", "Share"],
            [
                ["positive pairs with a span", evidence.placed, None],
                ["all of it beyond the first window", evidence.beyond_the_first_window, percent(evidence.share_beyond)],
            ],
        ),
    ]


def _annotators_table(figures: AnnotatorFigures) -> Table:
    rows: list[list[Cell]] = [
        [criterion, each.posts, each.met_by_any, *map(estimate_cell, (each.alpha, each.f1, each.token_f1))]
        for criterion, each in figures.criteria.items()
    ]
    return Table(
        f"Agreement of {_count(figures.annotators, 'annotator')} on the {_count(figures.posts_of_several, 'post')} that several of them "
        f"rated, with 95 % intervals. Krippendorff asks for an alpha of 0.8, and calls 0.667 the least for tentative conclusions. F1 is "
        f"that of one annotator against another; a model of a higher F1 on these labels agrees with them better than an annotator does. "
        f"Token-F1 is that of the sentences that they marked; its mean is over the words of all criteria together.",
        ["Criterion", "Posts of several", "Met for one of them", "Krippendorff's alpha", "F1", "Token-F1 of evidence"],
        [*rows, ["mean", None, None, *map(estimate_cell, (figures.mean_alpha, figures.mean_f1, figures.token_f1))]],
    )


def _settings_table(report: DataQuality) -> Table:
    settings = report.settings.model_dump(mode="json")
    rows: list[list[Cell]] = []
    for section, values in settings.items():
        for name, value in values.items() if isinstance(values, dict) else [("", values)]:
            rows.append([".".join(filter(None, (section, name))), json.dumps(value, ensure_ascii=False)])
    return Table("Section preprocessing of the parameters", ["Parameter", "Value"], rows)


def _alike(report: DataQuality) -> str:
    """What the posts of a cluster have in common."""
    return "near-duplicates" if report.groups is None else "near-duplicates and posts of one group"


def _absences(report: DataQuality) -> list[str]:
    absent = [(criterion, figures.absent_because) for criterion, figures in report.criteria.items() if figures.absent_because]
    found = [
        f"Criterion {criterion} has no positive pair in {'any split' if len(reasons) == len(SPLITS) else ' and '.join(reasons)}: "
        f"{'; '.join(dict.fromkeys(reasons.values()))}."
        for criterion, reasons in absent[:ABSENT_SHOWN]
    ]
    if len(absent) > ABSENT_SHOWN:
        found.append(
            f"{len(absent) - ABSENT_SHOWN:,} more of {len(report.criteria):,} criteria have no positive pair in some split: see Labels."
        )
    return found


def _reasons(ledger: RowCounts) -> str:
    return ", ".join(f"{count:,} {readable_name(reason)}" for reason, count in ledger.set_aside.items() if count) or "–"


def _window_rows(counts: dict[int, int]) -> list[list[Cell]]:
    """Rows of counts by number. Numbers from `WINDOWS_SHOWN` on share the last row."""
    rows: list[list[Cell]] = [[f"{number:,}", count] for number, count in sorted(counts.items()) if number < WINDOWS_SHOWN]
    beyond = {number: count for number, count in counts.items() if number >= WINDOWS_SHOWN}
    if beyond:
        rows.append([f"{WINDOWS_SHOWN} to {max(beyond):,}" if max(beyond) > WINDOWS_SHOWN else f"{WINDOWS_SHOWN}", sum(beyond.values())])
    return rows


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _share(part: int, whole: int) -> str | None:
    return percent(part / whole) if whole else None
