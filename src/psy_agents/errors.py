"""Errors in a user's words: a user's mistake with its remedy, a program error without its message."""

from __future__ import annotations

import difflib
import os
import traceback
from collections.abc import Iterable
from pathlib import Path

SHOW_ERRORS = "PSY_AGENTS_SHOW_ERRORS"
PACKAGE = Path(__file__).parent.as_posix()
TYPES = 4
PLACES = 3


class UserError(Exception):
    """A mistake that the user can correct: one sentence that says what is wrong, where, and what to do.

    The message never contains post text, only file names, column names, counts and hashed ids.
    The command line shows it as a single line, without a traceback, and so does a notebook.
    """

    def _render_traceback_(self) -> list[str]:
        """What IPython shows."""
        return [f"Error: {' '.join(str(self).split())}"]


class ParameterError(UserError):
    """A parameter that does not fit.

    Attributes:
        key: its place among the parameters, such as ("search_space", "small", "loss").
        problem: what is wrong with it, without its name.
    """

    def __init__(self, key: tuple[str, ...], problem: str) -> None:
        self.key, self.problem = key, problem
        super().__init__(self.sentence(".".join(key)))

    def sentence(self, name: str) -> str:
        """The message, with the given name of the parameter."""
        return f"{name}: {self.problem}."

    def __reduce__(self) -> tuple[type, tuple[tuple[str, ...], str]]:
        return type(self), (self.key, self.problem)


class RenamedParameter(ParameterError):
    """A parameter under its old name; the problem is its new one."""

    def sentence(self, name: str) -> str:
        """The message, with the given name of the parameter."""
        return f"{name} is now called {self.problem}."


class ProgramError(Exception):
    """A mistake of this program: where it is, without the message, which may quote a post."""


def suggestion(name: str, names: Iterable[str]) -> str:
    """``; did you mean x``, or nothing where no name is near."""
    close = difflib.get_close_matches(str(name), sorted(map(str, names)), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}" if close else ""


def withheld(error: BaseException) -> ProgramError:
    """The error that a user sees in place of an unexpected one."""
    return ProgramError(
        f"{where(error)}: this is a mistake of the program, and its message is withheld because it may quote posts: "
        f"set {SHOW_ERRORS}=1 and run again to read it on this machine, and report only what quotes no post."
    )


def errors_are_shown() -> bool:
    """True where the user wants to see the messages of unexpected errors."""
    return os.environ.get(SHOW_ERRORS) == "1"


def where(error: BaseException) -> str:
    """An exception's type, the types that caused it, and its last places in our code and in all, without any message."""
    types = [_kind(error)]
    cause = error.__cause__ or error.__context__
    while cause is not None and len(types) < TYPES:
        types.append(_kind(cause))
        cause = cause.__cause__ or cause.__context__
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).as_posix().startswith(PACKAGE)]
    chosen = ours[-PLACES:] + [frame for frame in frames[-1:] if frame not in ours]
    places = ", ".join(f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno}" for frame in chosen)
    return f"{' from '.join(types)} at {places or 'an unknown place'}"


def _kind(error: BaseException) -> str:
    """The type's name; an error of the system also has its number's description, which holds no path."""
    has_number = isinstance(error, OSError) and isinstance(error.errno, int)
    return f"{type(error).__name__} ({os.strerror(error.errno)})" if has_number else type(error).__name__
