"""Errors of a run as one line that never quotes a post."""

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
def errors_in_one_line(*, quoting: bool = False) -> Iterator[None]:
    """Raise a user's error as one line: as a Click error on the command line, else as UserError.

    An unexpected error of a node or dataset becomes a ProgramError, without its message.

    Args:
        quoting: whether any error in the block may quote a post.
    """
    try:
        yield
    except Exception as error:
        found = user_error(error) or (withheld(error) if (quoting or _may_quote(error)) and not errors_are_shown() else None)
        if found is None:
            raise
        if click.get_current_context(silent=True) is None:
            raise found from None
        raise click.ClickException(" ".join(str(found).split())) from None


@contextmanager
def without_kedro_error_logs() -> Iterator[None]:
    """Drop Kedro's log records about an error that is reported in one line."""
    handlers = list(logging.getLogger().handlers)
    for handler in handlers:
        handler.addFilter(_is_kept)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(_is_kept)


def _is_kept(record: logging.LogRecord) -> bool:
    error = sys.exc_info()[1]
    if not (isinstance(error, Exception) and record.name.startswith("kedro")):
        return True
    return errors_are_shown() and user_error(error) is None


def error_line(error: Exception) -> str:
    """The line that reports an error of one agent."""
    if errors_are_shown() or isinstance(error, ProgramError):
        return str(error)
    return " ".join(str(user_error(error) or withheld(error)).split())


def _may_quote(error: Exception) -> bool:
    """True if the error comes from a node or a dataset: only they read posts."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__", "").startswith("kedro.runner") for frame, _ in frames)


def user_error(error: BaseException) -> UserError | None:
    """The exception as an error of the user, or None if it is an error of the program."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    found = next((link for link in chain if isinstance(link, UserError)), None)
    if found is not None:
        return found
    # OmegaConf drops the cause of a resolver's error but keeps its message.
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
    """A file that cannot be read or written. The original message may quote cells; only its type is shown."""
    failed = re.search(r"Failed while (loading|saving) data \w+ dataset .*?filepath=(?:\w+\()?'?([^',)]+)", str(error), re.S)
    if failed is None:
        return None
    action, file = failed.groups()
    missing = any(isinstance(link, FileNotFoundError) for link in chain)
    if action == "loading" and missing:
        return UserError(f"{shown_path(file)} is missing: put it there, or run the pipeline that makes it.")
    kind = type(chain[-1]).__name__
    if action == "loading":
        return UserError(f"{shown_path(file)} cannot be read ({kind}): is it complete, and is its text UTF-8?")
    return UserError(f"{shown_path(file)} cannot be written ({kind}): is there space, and may you write there?")
