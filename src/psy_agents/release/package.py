"""The exported folder: the model, its card, its data statement and a record of its origin."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from psy_agents.inference.predictor import Predictor
from psy_agents.release.data_statement import data_statement
from psy_agents.release.export_format import check_packages, export_formats
from psy_agents.release.facts import Facts
from psy_agents.release.files import CARD, STATEMENT, encoders_used, refuse_pickles, write_record
from psy_agents.release.model_card import model_card


@contextmanager
def packed(facts: Facts, model: Path) -> Iterator[Path]:
    """The exported folder as a temporary folder, which is removed on exit.

    Args:
        model: folder of the refitted agent. It is not changed.

    Raises:
        UserError: the model's folder holds a file that would be unpickled or does not open, or a format lacks its packages.
    """
    refuse_pickles(model)
    check_packages(facts.config.formats)
    with TemporaryDirectory(prefix="psy_agents_") as parent:
        folder = Path(parent) / facts.summary.agent
        shutil.copytree(model, folder)
        Predictor(folder)  # An exported model opens.
        exported = export_formats(facts.config.formats, folder)
        (folder / STATEMENT).write_text(data_statement(facts), encoding="utf-8")
        write_record(
            folder,
            agent=facts.summary.agent,
            corpus=facts.config.corpus,
            agreement=facts.config.agreement,
            data_hash=facts.summary.data_hash,
            git_commit=facts.git_commit,
            encoders=encoders_used(folder),
            licence=facts.config.licence,
            versions=facts.summary.versions,
        )
        (folder / CARD).write_text(model_card(facts, folder, exported), encoding="utf-8")
        yield folder
