"""``python -m psy_agents predict MODEL TEXT``: a saved model's predictions of texts that the command line holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from psy_agents.app.error_reporting import errors_in_one_line

if TYPE_CHECKING:
    from psy_agents.evaluation.predictions import Prediction


@click.command(name="python -m psy_agents predict")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("texts", metavar="TEXT...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each text and criterion instead of tables.")
def predict(model: Path, texts: tuple[str, ...], as_json: bool) -> None:
    """Predict each TEXT with the saved model in the folder MODEL, such as data/06_models/refit/share/<version>/share.

    A TEXT of - is read from the standard input, where no shell keeps it in its history.
    """
    with errors_in_one_line(quoting=True):
        from psy_agents.inference.predictor import Predictor

        predictor = Predictor(model)
        read = [click.get_text_stream("stdin").read() if text == "-" else text for text in texts]
        predicted = predictor.predict(read)
    if as_json:
        _print_json(predicted)
        return
    click.echo(repr(predictor).strip("<>"))
    for number, each in enumerate(predicted, start=1):
        _print_table(f"text {number}" if len(predicted) > 1 else None, each)


def _print_json(predicted: list[dict[str, Prediction]]) -> None:
    from psy_agents.evaluation.predictions import prediction_rows

    ids = [str(number) for number in range(1, len(predicted) + 1)]
    for row in prediction_rows(ids, predicted).to_pylist():
        click.echo(json.dumps(row, ensure_ascii=False))


def _print_table(title: str | None, predicted: Mapping[str, Prediction]) -> None:
    """The probability, decision and quotes of each criterion."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from psy_agents.files.terminal import output_console

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("criterion", "predicted", "probability", "evidence"):
        table.add_column(name, overflow="fold")
    for criterion, each in predicted.items():
        probability = "" if each.probability is None else f"{each.probability:.3f}"
        quotes = "\n".join(f"“{span.quote}”" for span in each.spans or ())
        table.add_row(Text(criterion), "yes" if each.predicted else "no", probability, Text(quotes))
    output_console().print(table)
