"""Several saved agents in one folder that answer together.

Every member is a whole agent in a folder of its own, which also loads alone; ``ensemble.json`` names them and says what was
chosen on validation for their common answer.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from psy_agents.agents.saved.agent import Decisions
from psy_agents.agents.saved.checksums import CHECKSUMS, verify_checksums, write_checksums
from psy_agents.errors import UserError
from psy_agents.files.atomic import atomic_folder, link_or_copy

FORMAT = 1
ENSEMBLE = "ensemble.json"


def save_ensemble(folder: Path, members: Sequence[Path], decisions: Decisions) -> None:
    """Write the ensemble to a new ``folder``; it is whole or not there. Files of the members take no room where they can be linked."""
    names = [f"member_{number}" for number in range(1, len(members) + 1)]
    described = {"format": FORMAT, "members": names, **decisions.to_dict()}
    with atomic_folder(folder) as part:
        for name, member in zip(names, members, strict=True):
            shutil.copytree(member, part / name, copy_function=link_or_copy)
        (part / ENSEMBLE).write_text(json.dumps(described, indent=1, ensure_ascii=False), encoding="utf-8")
        write_checksums(part, [ENSEMBLE, *(f"{name}/{CHECKSUMS}" for name in names)])  # A member's list stands for its files.


def is_ensemble(folder: Path) -> bool:
    """Whether the folder holds several agents."""
    return (folder / ENSEMBLE).is_file()


def read_ensemble(folder: Path) -> tuple[list[Path], Decisions]:
    """The members' folders and the decisions on their common answer.

    Raises:
        UserError: it was written in another format, or a file is missing or was altered.
    """
    verify_checksums(folder)
    described = json.loads((folder / ENSEMBLE).read_text(encoding="utf-8"))
    if described["format"] != FORMAT:
        raise UserError(f"'{folder}' was saved in the ensembles' format {described['format']}, this version reads {FORMAT}.")
    return [folder / name for name in described["members"]], Decisions.from_dict(described)
