"""The fuzzed run in small: what was altered comes through or is refused in one sentence."""

from collections import Counter

import pytest
from support.fuzzed import run


@pytest.mark.parametrize(("part", "number", "refused"), [("models", 12, 6), ("folders", 8, 2), ("topk", 60, 30)])
def test_altered_files_come_through_or_are_refused_in_one_sentence(tmp_path, capsys, part, number, refused):
    try_one = getattr(run, part)(tmp_path)
    outcomes = Counter(run.outcome_of(part, f"{part}-test-{index}", try_one) for index in range(number))
    assert not outcomes["violation"], capsys.readouterr().out
    assert outcomes["refused"] >= refused


def test_a_violation_is_told_from_a_refusal(capsys):
    def fails(random):
        raise KeyError("a mistake of the program")

    assert run.outcome_of("models", "models-0-0", fails) == "violation"
    assert "models-0-0: KeyError" in capsys.readouterr().out
