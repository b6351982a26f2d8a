"""The data statement of the corpus, under the headings of Bender and Friedman (TACL 6, 2018)."""

from __future__ import annotations

from psy_agents.release.facts import ReleaseFacts
from psy_agents.release.markdown import code, render_markdown
from psy_agents.reporting.texts import readable_name

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
UNKNOWN = "Not known: the corpus' configuration does not state it."


def data_statement(facts: ReleaseFacts) -> str:
    """The text of the data statement. Each section has the text of the configuration, then counts of the corpus."""
    account = facts.quality.account
    set_aside = {"posts": account.posts.set_aside, "annotations": account.annotations.set_aside}
    splits = list(facts.quality.splits)
    return render_markdown(
        "data_statement.md",
        facts=facts,
        headings=HEADINGS,
        unknown=UNKNOWN,
        set_aside_rows=[
            (f"{rows}: {readable_name(reason)}", count) for rows, counts in set_aside.items() for reason, count in counts.items()
        ],
        alignment=", ".join(f"{count:,} {readable_name(stage)}" for stage, count in account.alignment.rows.items() if stage != "in"),
        label_heads=("Criterion", "pairs", "positive", *(f"positive in {split}" for split in splits)),
        label_rows=[
            (code(name), sum(each.pairs.values()), sum(each.positives.values()), *(each.positives[split] for split in splits))
            for name, each in facts.quality.criteria.items()
        ],
    )
