"""A chat model's answers: a probability and places in the post. They are stored without any text."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from psy_agents.baselines.config import ChatConfig
from psy_agents.corpus.alignment.align import align
from psy_agents.corpus.config import DEFAULT_FUZZY_THRESHOLD
from psy_agents.errors import UserError
from psy_agents.evaluation.spans import Offsets

VERSION = 1
"""Of the reading of answers: another reading asks again."""


@dataclass(frozen=True)
class ChatAnswer:
    """What the model says of one pair.

    Attributes:
        probability: that the criterion is met, from 0 to 1; None for an answer that is not JSON as the prompt asks.
        spans: the places of the quoted sentences in the post.
        lost: number of quotes that are not in the post.
    """

    probability: float | None
    spans: tuple[Offsets, ...] = ()
    lost: int = 0


def read_answer(answer: str, post: str) -> ChatAnswer:
    """Read the last JSON object with a probability, whatever stands around it, and find its quotes in the post."""
    found = [each for each in _objects(answer) if _is_percentage(each.get("probability"))]
    if not found:
        return ChatAnswer(None)
    evidence = found[-1].get("evidence")
    quotes = [each for each in evidence if isinstance(each, str) and each.strip()] if isinstance(evidence, list) else []
    places = align([post], np.zeros(len(quotes), dtype=np.int64), quotes, DEFAULT_FUZZY_THRESHOLD)
    spans = dict.fromkeys(zip(places.start.tolist(), places.end.tolist(), strict=True))
    return ChatAnswer(found[-1]["probability"] / 100, tuple(spans), len(quotes) - len(np.unique(places.sentence)))


def _is_percentage(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100


def _objects(answer: str) -> Iterator[dict]:
    """The JSON objects in a text, from left to right."""
    decoder, place = json.JSONDecoder(), answer.find("{")
    while place >= 0:
        try:
            found, end = decoder.raw_decode(answer, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            yield found
        place = answer.find("{", end)


def key_of(config: ChatConfig, prompt: str) -> str:
    """What an answer depends on, as a hash: model, message, length and reading. The server may move."""
    return hashlib.sha256(json.dumps([VERSION, config.model, config.max_tokens, prompt]).encode()).hexdigest()


class StoredAnswers:
    """Answers in an sqlite file that only its owner may read. Each is kept at once, so a killed run asks for none again.

    Args:
        path: of the file; None: nothing is stored.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self, keys: Sequence[str]) -> dict[str, ChatAnswer]:
        """The stored answers among those with these keys."""
        with self.opened() as database:
            rows = [database.execute("SELECT key, probability, spans, lost FROM answers WHERE key = ?", [key]).fetchone() for key in keys]
        return {row[0]: ChatAnswer(row[1], tuple(map(tuple, json.loads(row[2]))), row[3]) for row in rows if row is not None}

    @staticmethod
    def keep(database: sqlite3.Connection, key: str, answer: ChatAnswer) -> None:
        """Store one answer."""
        row = (key, answer.probability, json.dumps(answer.spans), answer.lost)
        database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", row)
        database.commit()

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """A connection, for `keep`."""
        try:
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._path.touch(mode=0o600)
            with closing(sqlite3.connect(self._path or ":memory:", timeout=60)) as database:
                database.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, probability REAL, spans TEXT, lost INTEGER)")
                yield database
        except (OSError, sqlite3.Error) as error:
            raise UserError(
                f"The stored answers in baselines.chat.answers cannot be read or written ({type(error).__name__}): is there space, and is "
                f"the file what an earlier run wrote? Without the file, the model is asked again."
            ) from None
