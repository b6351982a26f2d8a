"""The recipes of CONTRIBUTING.md: files that a reader is asked to add."""

import re
from pathlib import Path

from support.project_copy import ROOT

BLOCK = re.compile(r'^```\w+ title="([^"\n]+)"\n(.*?)^```$', re.M | re.S)


def recipe(title: str) -> dict[str, str]:
    """The files of the recipe with this heading: path from the project's root -> text."""
    _, found, rest = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition(f"\n### {title}\n")
    assert found, f"CONTRIBUTING.md has no recipe '{title}'"
    section = re.split(r"^##+ ", rest, maxsplit=1, flags=re.M)[0]
    files = dict(BLOCK.findall(section))
    assert files, f"the recipe '{title}' has no file"
    return files


def follow_recipe(title: str, project: Path) -> list[Path]:
    """Add the recipe's files to a copy of the project, none of which it has; return them."""
    added = []
    for name, text in recipe(title).items():
        file = project / name
        assert not file.exists(), f"{name} is in the project already"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        added.append(file)
    return added
