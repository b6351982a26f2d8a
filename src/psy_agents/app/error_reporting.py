"""What a run tells of an error: one line, which never quotes a post."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import click
import yaml
from kedro.config import MissingConfigException
from kedro.io.core import DatasetError, VersionNotFoundError
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from psy_agents.datasets.project import shown_path
from psy_agents.errors import ProgramError, UserError, errors_are_shown, withheld


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what the user can mend into one line: as Click's error on the command line, as UserError elsewhere.

    So is an unexpected error of a run, without its message.
    """
    try:
        yield
    except Exception as error:
        found = user_error(error) or (withheld(error) if _may_quote(error) and not errors_are_shown() else None)
        if found is None:
            raise
        if click.get_current_context(silent=True) is None:
            raise found from None
        raise click.ClickException(" ".join(str(found).split())) from None


@contextmanager
def told_once() -> Iterator[None]:
    """Drop what Kedro logs about an error that will be told in one line."""
    handlers = list(logging.getLogger().handlers)
    for handler in handlers:
        handler.addFilter(_unless_told)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(_unless_told)


def _unless_told(record: logging.LogRecord) -> bool:
    error = sys.exc_info()[1]
    if not (isinstance(error, Exception) and record.name.startswith("kedro")):
        return True
    return errors_are_shown() and user_error(error) is None


def told(error: Exception) -> str:
    """An error in one line, as its agent's end."""
    if errors_are_shown() or isinstance(error, ProgramError):
        return str(error)
    return " ".join(str(user_error(error) or withheld(error)).split())


def _may_quote(error: Exception) -> bool:
    """True where an error comes out of a node or a dataset: only they have met the corpus."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__", "").startswith("kedro.runner") for frame, _ in frames)


def user_error(error: BaseException) -> UserError | None:
    """The user's error behind an exception, or None where it is the program's."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    told = next((link for link in chain if isinstance(link, UserError)), None)
    if told is not None:
        return told
    # OmegaConf drops the cause of a resolver's error and keeps its words.
    resolver = re.search(r"UserError raised while resolving interpolation: (.*?)\s+full_key:", str(error), re.S)
    if resolver is not None:
        return UserError(resolver[1])
    match error:
        case VersionNotFoundError():
            return UserError(" ".join(str(error).split()))
        case DatasetError():
            return _dataset_error(error, chain)
        case yaml.YAMLError() | OmegaConfBaseException() | MissingConfigException():
            return UserError(f"conf: {' '.join(str(error).split())}")
        case ValueError() if str(error).startswith("Duplicate keys found in"):
            return UserError(f"conf: {' '.join(str(error).split())}")
        case ValidationError() if error.title == "KedroMlflowConfig":
            first = error.errors(include_url=False)[0]
            return UserError(f"conf: mlflow.yml: {'.'.join(map(str, first['loc']))}: {first['msg']}.")
    return None


def _dataset_error(error: DatasetError, chain: list[BaseException]) -> UserError | None:
    """A file that cannot be read or written; its own message may quote cells, so only its kind is told."""
    failed = re.search(r"Failed while (loading|saving) data \w+ dataset .*?filepath=(?:\w+\()?'?([^',)]+)", str(error), re.S)
    if failed is None:
        return None
    doing, file = failed.groups()
    missing = any(isinstance(link, FileNotFoundError) for link in chain)
    if doing == "loading" and missing:
        return UserError(f"{shown_path(file)} is missing: put it there, or run the pipeline that makes it.")
    kind = type(chain[-1]).__name__
    if doing == "loading":
        return UserError(f"{shown_path(file)} cannot be read ({kind}): is it complete, and is its text UTF-8?")
    return UserError(f"{shown_path(file)} cannot be written ({kind}): is there space, and may you write there?")
