"""The data statement: what is known of the corpus, under the headings of Bender and Friedman (TACL 6, 2018)."""

from __future__ import annotations

from psy_agents.release.facts import Facts
from psy_agents.release.markdown import code, table
from psy_agents.release.model_card import agreement_sentence

HEADINGS = {
    "curation_rationale": "A. Curation rationale",
    "language_variety": "B. Language variety",
    "speaker_demographic": "C. Speaker demographic",
    "annotator_demographic": "D. Annotator demographic",
    "speech_situation": "E. Speech situation",
    "text_characteristics": "F. Text characteristics",
    "recording_quality": "G. Recording quality",
    "other": "H. Other",
    "provenance": "I. Provenance appendix",
}
UNKNOWN = "Not known: nothing is stated of it in the corpus' configuration."


def data_statement(facts: Facts) -> str:
    """The whole statement: what the configuration states, and beside it what was counted."""
    stated = facts.config.facts.statement
    counted = {
        "curation_rationale": _selection(facts),
        "language_variety": _languages(facts),
        "annotator_demographic": _labels(facts),
        "text_characteristics": _lengths(facts),
        "other": agreement_sentence(facts.config),
        "provenance": f"Hash of the prepared corpus and its splits: {code(facts.summary.data_hash)}.",
    }
    parts = [
        f"# Data statement: {facts.config.corpus}",
        "After Bender and Friedman, \"Data Statements for Natural Language Processing\", Transactions of the ACL 6 (2018). What is "
        "counted was counted by the program that trained the model; all else was stated by people in its configuration.",
    ]
    for name, heading in HEADINGS.items():
        parts += [f"## {heading}", getattr(stated, name) or UNKNOWN]
        if name in counted:
            parts.append(counted[name])
    return "\n\n".join(parts) + "\n"


def _selection(facts: Facts) -> str:
    posts, rows = facts.quality.account.posts, facts.quality.account.annotations
    aside = {**{f"posts: {k}": v for k, v in posts.set_aside.items()}, **{f"annotations: {k}": v for k, v in rows.set_aside.items()}}
    told = f"Counted: {posts.used:,} of {posts.rows_in:,} posts and {rows.used:,} of {rows.rows_in:,} annotations are used."
    if not aside:
        return told
    return f"{told} Set aside:\n\n" + table(("Rows", "count"), ((name.replace("_", " "), count) for name, count in aside.items()))


def _languages(facts: Facts) -> str:
    tags = facts.config.facts.languages
    return f"Language tags (BCP 47): {', '.join(map(code, tags))}." if tags else "No language tag is stated, and none was guessed."


def _labels(facts: Facts) -> str:
    account, labels = facts.quality.account, facts.config.facts.labels
    rows = [
        (code(name), sum(each.pairs.values()), sum(each.positives.values()), *(each.positives[split] for split in facts.quality.splits))
        for name, each in facts.quality.criteria.items()
    ]
    heads = ("Criterion", "pairs", "positive", *(f"positive in {split}" for split in facts.quality.splits))
    found = ", ".join(f"{count:,} {stage.replace('_', ' ')}" for stage, count in account.alignment.rows.items() if stage != "in")
    return "\n\n".join(
        [
            f"Origin of the labels: {labels or UNKNOWN}",
            f"Counted: {account.pairs.conflicting:,} pairs have annotations of both statuses; of {account.pairs.evidence_unknown:,} "
            f"positive pairs the place of the evidence is not known. How annotated sentences were found in their posts: {found}.",
            table(heads, rows),
        ]
    )


def _lengths(facts: Facts) -> str:
    lengths, windows = facts.quality.lengths, facts.quality.windows
    quantiles = ", ".join(f"{value:,} ({step})" for step, value in lengths.quantiles.items())
    return (
        f"Counted: {lengths.mean:,.0f} tokens a post on average; quantiles {quantiles}. {windows.posts_of_several:,} posts do not fit a "
        f"window of {windows.max_length} tokens and are read in several."
    )
