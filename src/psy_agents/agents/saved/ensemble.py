"""Saves an ensemble of agents in one folder, and reads it.

Each member is a complete saved agent in a subfolder. ``ensemble.json`` lists the members and holds the decisions that were chosen
on validation for their averaged predictions.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from psy_agents.agents.saved.agent import Decisions
from psy_agents.agents.saved.checksums import CHECKSUMS, verify_checksums, write_checksums
from psy_agents.agents.saved.description import SavedEnsemble, read_description
from psy_agents.errors import UserError
from psy_agents.files.atomic import atomic_folder, link_or_copy

FORMAT = 1
ENSEMBLE = "ensemble.json"


def save_ensemble(folder: Path, members: Sequence[Path], decisions: Decisions) -> None:
    """Write the ensemble to a new ``folder`` atomically; the members' files are hard links where the file system allows it."""
    names = [f"member_{number}" for number in range(1, len(members) + 1)]
    description = {"format": FORMAT, "members": names, **decisions.to_dict()}
    with atomic_folder(folder) as part:
        for name, member in zip(names, members, strict=True):
            shutil.copytree(member, part / name, copy_function=link_or_copy)
        (part / ENSEMBLE).write_text(json.dumps(description, indent=1, ensure_ascii=False), encoding="utf-8")
        write_checksums(part, [ENSEMBLE, *(f"{name}/{CHECKSUMS}" for name in names)])  # A member's checksum file covers its files.


def is_ensemble(folder: Path) -> bool:
    """Whether the folder holds an ensemble."""
    return (folder / ENSEMBLE).is_file()


def read_ensemble(folder: Path) -> tuple[list[Path], Decisions]:
    """Return the members' folders and the ensemble's decisions.

    Raises:
        UserError: the format is another one, or a file is missing or altered.
    """
    recorded = verify_checksums(folder)
    description = read_description(folder / ENSEMBLE, SavedEnsemble, FORMAT)
    lists = {ENSEMBLE, *(f"{name}/{CHECKSUMS}" for name in description.members)}
    if recorded != lists:
        raise UserError(f"'{folder}': {CHECKSUMS} does not list the files of its members: copy the model again, or refit it.")
    return [folder / name for name in description.members], Decisions.from_dict(description.model_dump())
