"""The folder of the project, and paths inside it."""

from __future__ import annotations

from pathlib import Path

from kedro.utils import find_kedro_project

PROJECT = find_kedro_project(Path.cwd()) or find_kedro_project(Path(__file__).resolve().parent) or Path.cwd()
"""That of the working directory, as for Kedro's commands, else that of this code."""


def project_path(relative: str, project: Path = PROJECT) -> str:
    """The absolute path of a file of the project."""
    return (project / relative).as_posix()


def shown_path(path: str | Path) -> str:
    """A path for messages: relative to the project if it is inside."""
    path = Path(path)
    return (path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path).as_posix()
