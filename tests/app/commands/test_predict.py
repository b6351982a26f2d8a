"""`python -m psy_agents predict`: texts of the command line and of the standard input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from click.testing import CliRunner

import psy_agents
from psy_agents.app.commands.predict import predict

SAVED = Path(__file__).parents[2] / "inference" / "saved_by_0_1_0"
TEXT = "I [bold]barely slept[/bold] all week. We walked home."


def test_a_text_gives_a_row_for_each_criterion_with_its_quotes():
    model = SAVED / "share"
    (wanted,) = psy_agents.load(model).predict([TEXT])
    shown = CliRunner().invoke(predict, [str(model), TEXT], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    first, *lines = shown.output.splitlines()
    assert first.startswith("share agent: ") and first.endswith("trained by an earlier version, which kept no data and no date")
    rows = {line.split()[0]: line for line in lines if line.split() and line.split()[0] in wanted}
    assert set(rows) == set(wanted)
    for criterion, each in wanted.items():
        assert rows[criterion].split()[1:3] == ["yes" if each.predicted else "no", f"{each.probability:.3f}"]
        assert all(span.quote in shown.output for span in each.spans)
    given = CliRunner().invoke(predict, [str(model), "-", "--json"], input=TEXT)
    found = [json.loads(line) for line in given.stdout.splitlines()]
    assert [row["criterion"] for row in found] == list(wanted)
    assert [[span["quote"] for span in row["spans"]] for row in found] == [[span.quote for span in each.spans] for each in wanted.values()]


def test_a_folder_above_a_model_is_answered_with_the_newest_model_below_it(tmp_path):
    for version in ("2026-01-01", "2026-02-01"):
        shutil.copytree(SAVED / "share", tmp_path / version / "share")
    refused = CliRunner().invoke(predict, [str(tmp_path), "secret"])
    assert refused.exit_code == 1
    meant = tmp_path / "2026-02-01" / "share"
    assert refused.output == f"Error: '{tmp_path}' is not a saved agent: it has no agent.json; did you mean '{meant}'?\n"


def test_an_unexpected_error_does_not_quote_the_text(monkeypatch):
    def fail(predictor, posts):
        raise ValueError(posts[0])

    monkeypatch.setattr("psy_agents.inference.predictor.Predictor.predict", fail)
    refused = CliRunner().invoke(predict, [str(SAVED / "share"), "secret"])
    assert refused.exit_code == 1 and "ValueError at " in refused.output and "secret" not in refused.output
