"""The fuzzed run in small: what was altered comes through or is refused in one sentence."""

from collections import Counter

import pytest
from support.fuzzed import run
from support.fuzzed.searches import check_outcome


@pytest.mark.parametrize(
    ("part", "number", "refused"), [("models", 12, 6), ("folders", 8, 2), ("topk", 60, 30), ("exports", 40, 10), ("searches", 12, 4)]
)
def test_altered_files_come_through_or_are_refused_in_one_sentence(tmp_path, capsys, part, number, refused):
    try_one = getattr(run, part)(tmp_path)
    outcomes = Counter(run.outcome_of(part, f"{part}-test-{index}", try_one) for index in range(number))
    assert not outcomes["violation"], capsys.readouterr().out
    assert outcomes["refused"] >= refused


def test_without_a_part_all_of_them_run():
    assert run.arguments_of([]).parts == list(run.PARTS)
    assert run.arguments_of(["models", "topk"]).parts == ["models", "topk"]


def test_a_violation_is_told_from_a_refusal(capsys):
    def fails(random):
        raise KeyError("a mistake of the program")

    assert run.outcome_of("models", "models-0-0", fails) == "violation"
    assert "models-0-0: KeyError" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "metrics", "said"),
    [(0.0, {"macro_f1": 0.0}, "an objective of 0"), (float("nan"), {"macro_f1": 1.0}, "an objective of nan"), (0.5, {}, "without metrics")],
)
def test_a_search_that_ends_well_with_nothing_is_a_violation(capsys, value, metrics, said):
    assert run.outcome_of("searches", "searches-0-0", lambda random: check_outcome(value, metrics)) == "violation"
    assert f"EmptySearch: 'a search ended well {'' if said.startswith('without') else 'with '}{said}" in capsys.readouterr().out
