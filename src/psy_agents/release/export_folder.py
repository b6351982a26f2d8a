"""The exported folder: the model, further formats, model card, data statement and ``export.json``."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psy_agents.agents.saved.merging import merge_saved
from psy_agents.files.temporary import temporary_folder
from psy_agents.inference.predictor import Predictor
from psy_agents.release.data_statement import data_statement
from psy_agents.release.export_format import check_packages, export_formats
from psy_agents.release.facts import ReleaseFacts
from psy_agents.release.files import CARD, STATEMENT, encoder_licences, refuse_pickles, write_record
from psy_agents.release.model_card import model_card


@contextmanager
def exported_folder(facts: ReleaseFacts, model: Path) -> Iterator[Path]:
    """Export a model into a temporary folder, which is removed on exit.

    Args:
        model: folder of the refitted agent. It is left unchanged.

    Raises:
        UserError: the model's folder holds a pickle or cannot be loaded, or a package of an export format is missing.
    """
    refuse_pickles(model)
    check_packages(facts.config.formats)
    Predictor(model)  # Check that it loads; a message names this folder, not the copy.
    with temporary_folder() as parent:
        folder = parent / facts.summary.agent
        shutil.copytree(model, folder)
        if facts.config.merge_adapters:
            merge_saved(folder)
        exported = export_formats(facts.config.formats, folder)
        (folder / STATEMENT).write_text(data_statement(facts), encoding="utf-8")
        write_record(
            folder,
            agent=facts.summary.agent,
            corpus=facts.config.corpus,
            agreement=facts.config.agreement,
            data_hash=facts.summary.data_hash,
            git_commit=facts.git_commit,
            encoders=encoder_licences(folder),
            licence=facts.config.licence,
            versions=facts.summary.versions,
        )
        (folder / CARD).write_text(model_card(facts, folder, exported), encoding="utf-8")
        _let_all_read(folder)
        yield folder


def _let_all_read(folder: Path) -> None:
    """An export is made to be given away, whatever the umask and the modes of what it was made from."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
