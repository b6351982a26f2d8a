"""A resumed stage with the Gaussian process proposes what an uninterrupted one proposes."""

from __future__ import annotations

from support.search.search_process import Search


def test_a_resumed_stage_proposes_the_same(tmp_path):
    section = {"name": "gp", "n_startup_trials": 2}
    for folder, runs in (("whole", (6,)), ("resumed", (3, 6))):
        (tmp_path / folder).mkdir()
        for n_trials in runs:
            Search(tmp_path / folder).run(n_trials=n_trials, sampler=section)
    whole, resumed = ([trial.params for trial in Search(tmp_path / folder).study().trials] for folder in ("whole", "resumed"))
    assert len(whole) == 6 and whole == resumed
