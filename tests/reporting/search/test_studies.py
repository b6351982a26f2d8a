"""A report whose studies are gone says so, in the log and in the place of each figure."""

import logging
from types import SimpleNamespace

import optuna

from psy_agents.reporting.search.studies import DIAGNOSTICS, agent_studies, search_figures, stage_costs

REFIT = SimpleNamespace(
    from_study="share-stage2-gone", study="share-stage3-gone", final_study="share-final-gone", ensemble=None, untuned=None
)


def test_figures_of_studies_that_are_gone_say_so(tmp_path, caplog):
    store = tmp_path / "studies.db"
    optuna.create_study(study_name="another", storage=f"sqlite:///{store}").set_user_attr("identity", {})
    with caplog.at_level(logging.WARNING, "psy_agents"):
        found = agent_studies(store, {"share": REFIT})
    assert found == {"share": []} and stage_costs(found) == []
    assert "the report lacks the figures and costs of share's search: its study share-stage2-gone is not in the store" in caplog.messages
    figures = search_figures("share", found["share"], REFIT)
    assert set(figures) == {"history", "expected_best", *DIAGNOSTICS}
    for figure in figures.values():
        shown = " ".join(note.text.replace("<br>", " ") for note in figure.layout.annotations)
        assert "The study share-stage2-gone is no longer in the store." in shown
