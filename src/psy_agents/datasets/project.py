"""Where this project is, and its paths as messages show them."""

from __future__ import annotations

from pathlib import Path

from kedro.utils import find_kedro_project

PROJECT = find_kedro_project(Path(__file__).resolve().parent) or find_kedro_project(Path.cwd()) or Path.cwd()


def project_path(relative: str, project: Path = PROJECT) -> str:
    """An absolute path in the project: the same from every working directory."""
    return (project / relative).as_posix()


def shown_path(path: str | Path) -> str:
    """A path as messages show it: relative to the project where it lies inside."""
    path = Path(path)
    return (path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path).as_posix()
