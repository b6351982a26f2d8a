"""Damages to a JSON value, one at a random place; what people and programs leave in files that they edit."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from random import Random
from typing import Any

ODD_VALUES = (
    None, True, False, 0, -1, 1, 2, 3.5, 10**9, 10**30, -(10**400), float("nan"), float("inf"), 1e-320, "", " ", "0", "x", "../..",
    "/etc/passwd", "nul\0", "\ud800", "ü" * 300, [], [[]], {}, {"a": 1}, [1, "a"], "1e-3", "None",
)  # fmt: skip


def damaged_json(value: Any, random: Random) -> Any:
    """A copy in which a random entry is another value, gone, repeated, renamed or exchanged."""
    damaged = copy.deepcopy(value)
    holders = list(_holders(damaged))
    if not holders:
        return random.choice(ODD_VALUES)
    holder = random.choice(holders)
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    key = random.choice(keys)
    match random.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[random.choice(("extra", "", "a.b", str(key).upper()))] = holder.pop(key)
        case 1:
            holder.append(copy.deepcopy(holder[key]))
        case 2:
            other = random.choice(keys)
            holder[key], holder[other] = holder[other], holder[key]
        case 3 if isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
            holder[key] = random.choice((-holder[key], holder[key] * 1000, holder[key] + 1, str(holder[key])))
        case _:
            holder[key] = copy.deepcopy(random.choice(ODD_VALUES))
    return damaged


def damage_json_file(file: Path, random: Random) -> None:
    """Damage a file of JSON in place."""
    file.write_text(json.dumps(damaged_json(json.loads(file.read_text()), random)), encoding="utf-8")


def _holders(value: Any) -> Any:
    """Every object and list that has an entry."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if inner:
        yield value
    for each in inner:
        yield from _holders(each)
