"""The data-quality report as one HTML page that needs nothing else: no server, no network."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING

from psy_agents.corpus.config import SPLITS
from psy_agents.corpus.quality import DataQuality, Ledger
from psy_agents.reporting.html import Cell, html_document, html_figure, html_table

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
    placed = rows["exact"] + rows["normalised"] + rows["fuzzy"]
    positives = sum(split.positives for split in report.splits.values())
    share = report.windows.share_of_tokens_beyond
    used = "all used" if posts.used == posts.rows_in else f"{posts.used:,} used"
    beyond = "" if share is None else f"; {_percent(share)} of the posts' tokens lie beyond the first window of {windows.max_length:,}"
    return (
        f"{_count(posts.rows_in, 'post')}, {used}; {placed:,} of {_count(rows['in'], 'positive row')} placed in their posts; "
        f"{positives:,} of {_count(account.pairs.used, 'pair')} positive{beyond}."
    )


def notes(report: DataQuality) -> list[str]:
    """What a reader should know before the figures are used: what is missing, set aside, or not certain."""
    account, windows, rows = report.account, report.windows, report.account.alignment.rows
    found = _absences(report)
    for table, ledger in (("posts", account.posts), ("annotations", account.annotations), ("pairs", account.pairs)):
        if ledger.used < ledger.rows_in:
            found.append(f"Set aside: {ledger.rows_in - ledger.used:,} of {ledger.rows_in:,} {table} ({_reasons(ledger)}).")
    if rows["fuzzy"]:
        found.append(
            f"Placed by likeness alone (fuzzy): {rows['fuzzy']:,} of {_count(rows['in'], 'sentence')}. Such a place can be "
            f"wrong: look at some of them."
        )
    lost = rows["not_found"] + rows["blank"]
    if lost:
        found.append(f"Not placed in their posts: {lost:,} of {_count(rows['in'], 'sentence')}, {rows['blank']:,} of them blank.")
    if account.pairs.evidence_unknown:
        found.append(
            f"Evidence not known, or not all of it: {account.pairs.evidence_unknown:,} of "
            f"{_count(report.evidence.positive_pairs, 'positive pair')}. They train the criteria side only."
        )
    if windows.share_of_tokens_beyond is not None and windows.share_of_tokens_beyond > NOTABLE_SHARE_BEYOND:
        found.append(
            f"{_percent(windows.share_of_tokens_beyond)} of all tokens of posts lie beyond the first window (max_length "
            f"{windows.max_length:,}): they are read in further windows, which costs time; a larger max_length needs fewer."
        )
    if report.clusters.largest > NOTABLE_CLUSTER * account.posts.used and report.clusters.largest > 1:
        found.append(
            f"The largest cluster of near-duplicates holds {report.clusters.largest:,} of {account.posts.used:,} posts, all "
            f"in one split: the splits' sizes and labels suffer from it."
        )
    return found


def quality_page(report: DataQuality, labels: Figure, lengths: Figure, rows: Figure) -> str:
    """The page.

    Args:
        labels, lengths, rows: the figures of `quality_plots`.
    """
    body = [
        "<header>",
        "<h1>Data quality</h1>",
        f'<p class="headline">{escape(headline(report))}</p>',
        _notes(report),
        "</header>",
        "<main>",
        *_rows_section(report, rows),
        *_labels_section(report, labels),
        *_splits_section(report),
        *_lengths_section(report, lengths),
        *_evidence_section(report),
        *_settings_section(report),
        "</main>",
    ]
    return html_document("Data quality", body)


def _notes(report: DataQuality) -> str:
    found = notes(report)
    if not found:
        return '<p class="soft">Nothing is missing, set aside or uncertain.</p>'
    items = "\n".join(f"<li>{escape(note)}</li>" for note in found)
    return f'<section class="notes" aria-labelledby="notes">\n<h2 id="notes">To know first</h2>\n<ul>\n{items}\n</ul>\n</section>'


def _rows_section(report: DataQuality, figure: Figure) -> list[str]:
    account = report.account
    ledgers = {
        "Posts": account.posts,
        "Annotations": account.annotations,
        "Places of sentences": account.places,
        "Pairs of post and criterion": account.pairs,
    }
    stages = account.alignment.rows
    return [
        "<h2>Rows</h2>",
        html_figure(figure, "rows"),
        html_table(
            "Every row is used or set aside for one reason. A sentence that stands in its post twice has two places.",
            ["Table", "In", "Used", "Set aside", "Reasons"],
            [
                [name, ledger.rows_in, ledger.used, ledger.rows_in - ledger.used, _reasons(ledger)]
                for name, ledger in ledgers.items()
            ],
        ),
        html_table(
            "How the annotated sentences were found in their posts",
            ["Stage", "Rows", "Positive rows"],
            [
                [_words(stage), stages[stage], account.alignment.positive_rows[stage]]
                for stage in sorted(stages, key=lambda stage: stage == "in")
            ],
        ),
        html_table(
            "Used pairs by origin",
            ["Origin", "Pairs"],
            [
                *([_words(name), count] for name, count in account.pairs.origins.items()),
                ["positive, evidence not or not all known", account.pairs.evidence_unknown],
                ["pairs in with rows of both statuses", account.pairs.conflicting],
            ],
        ),
    ]


def _labels_section(report: DataQuality, figure: Figure) -> list[str]:
    rows: list[list[Cell]] = []
    for criterion, figures in report.criteria.items():
        positives, pairs = sum(figures.positives.values()), sum(figures.pairs.values())
        by_split = [figures.positives[split] for split in SPLITS]
        absent = "; ".join(f"{split}: {reason}" for split, reason in figures.absent_because.items()) or "–"
        rows.append([criterion, *by_split, positives, pairs, _share(positives, pairs), figures.clusters_with_a_positive, absent])
    return [
        "<h2>Labels</h2>",
        html_figure(figure, "labels"),
        html_table(
            "Positive pairs of each criterion by split; a cluster is a post with its near-duplicates",
            ["Criterion", *map(str.capitalize, SPLITS), "Positive", "Pairs", "Share", "Clusters", "Absent because"],
            rows,
        ),
    ]


def _splits_section(report: DataQuality) -> list[str]:
    clusters = report.clusters
    return [
        "<h2>Splits and near-duplicates</h2>",
        html_table(
            f"Splits by {report.settings.splits.method}",
            ["Split", "Posts", "Clusters", "Pairs", "Positive", "Share"],
            [
                [name, each.posts, each.clusters, each.pairs, each.positives, _share(each.positives, each.pairs)]
                for name, each in report.splits.items()
            ],
        ),
        html_table(
            "Posts that say the same share a cluster, and a cluster shares a split",
            ["Near-duplicates", "Count"],
            [
                ["clusters", clusters.clusters],
                ["clusters of several posts", clusters.of_several_posts],
                ["posts in them", clusters.posts_in_them],
                ["posts of the largest cluster", clusters.largest],
            ],
        ),
    ]


def _lengths_section(report: DataQuality, figure: Figure) -> list[str]:
    lengths, windows = report.lengths, report.windows
    return [
        "<h2>Lengths and windows</h2>",
        html_figure(figure, "lengths"),
        html_table(
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
        html_table(
            f"A window of {windows.max_length:,} tokens holds {windows.room:,} of the post beside the longest criterion, which "
            f"takes {windows.longest_criterion:,} with special tokens; the next window repeats {windows.overlap:,}",
            ["Windows a post", "Posts"],
            _tail(windows.windows_a_post),
        ),
        html_table(
            "What lies beyond the first window",
            ["What", "Count", "Share"],
            [
                ["posts of several windows", windows.posts_of_several, _percent(windows.share_of_posts_of_several)],
                ["tokens of posts", windows.tokens_beyond_the_first, _percent(windows.share_of_tokens_beyond)],
            ],
        ),
    ]


def _evidence_section(report: DataQuality) -> list[str]:
    evidence = report.evidence
    return [
        "<h2>Evidence</h2>",
        html_table(
            "Evidence spans of a positive pair; 0: no place is known",
            ["Spans", "Positive pairs"],
            _tail(evidence.spans_a_pair),
        ),
        html_table(
            "Where the evidence lies",
            ["What", "Count", "Share"],
            [
                ["positive pairs with a span", evidence.placed, None],
                ["all of it beyond the first window", evidence.beyond_the_first_window, _percent(evidence.share_beyond)],
            ],
        ),
    ]


def _settings_section(report: DataQuality) -> list[str]:
    settings = report.settings.model_dump(mode="json")
    rows: list[list[Cell]] = []
    for section, values in settings.items():
        for name, value in values.items() if isinstance(values, dict) else [("", values)]:
            rows.append([".".join(filter(None, (section, name))), json.dumps(value, ensure_ascii=False)])
    return ["<h2>Settings</h2>", html_table("Section preprocessing of the parameters", ["Parameter", "Value"], rows)]


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


def _reasons(ledger: Ledger) -> str:
    return ", ".join(f"{count:,} {_words(reason)}" for reason, count in ledger.set_aside.items() if count) or "–"


def _tail(counts: dict[int, int]) -> list[list[Cell]]:
    """Counts by a whole number, the large numbers together."""
    rows: list[list[Cell]] = [[f"{number:,}", count] for number, count in sorted(counts.items()) if number < WINDOWS_SHOWN]
    beyond = {number: count for number, count in counts.items() if number >= WINDOWS_SHOWN}
    if beyond:
        rows.append([f"{WINDOWS_SHOWN} to {max(beyond):,}" if max(beyond) > WINDOWS_SHOWN else f"{WINDOWS_SHOWN}", sum(beyond.values())])
    return rows


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _share(part: int, whole: int) -> str | None:
    return _percent(part / whole) if whole else None


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f}\u00a0%"


def _words(name: str) -> str:
    return name.replace("_", " ")
