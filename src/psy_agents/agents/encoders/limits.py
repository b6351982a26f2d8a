"""Whether an encoder's configuration may be built: a folder comes from anybody, and a wrong number would fill the memory.

And whether its adapters may be: the search's own process, which imports no torch, asks both.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from psy_agents.errors import UserError

LIMITS = {
    "num_hidden_layers": 1000,
    "n_layers": 1000,
    "hidden_size": 65_536,
    "dim": 65_536,
    "intermediate_size": 1_000_000,
    "hidden_dim": 1_000_000,
    "embedding_size": 65_536,
    "num_attention_heads": 4096,
    "n_heads": 4096,
    "vocab_size": 10_000_000,
    "max_position_embeddings": 100_000_000,
}
"""More than any encoder has, by the names of the families."""
SPARE = 8
"""How many times the bytes of its weights an encoder may take in float32: they may be stored in 8 bits."""
LARGEST_CONFIG = 16 * 2**20


def check_peft() -> None:
    """Check that peft is installed, which makes adapters.

    Raises:
        UserError: it is not.
    """
    if importlib.util.find_spec("peft") is None:
        raise UserError("lora_rank is above 0, and adapters need the package peft: pip install -c requirements.lock -e \".[lora]\"")


def check_config(folder: Path) -> dict[str, Any]:
    """Read an encoder's ``config.json``; refuse one whose numbers are absurd or far beyond the weights beside it.

    Raises:
        UserError: so it is, or it is no JSON object.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise UserError(f"Encoder folder '{folder.name}' has no config.json: save it with save_pretrained().")
    config = _object(file)
    for name, limit in LIMITS.items():
        value = config.get(name)
        if value is not None and not (isinstance(value, int) and not isinstance(value, bool) and 0 < value <= limit):
            raise UserError(
                f"Encoder folder '{folder.name}': {name} in config.json is {str(value)[:30]}, not a whole number from 1 to {limit:,}."
            )
    if config.get("quantization_config") is not None:
        raise UserError(f"Encoder folder '{folder.name}': its weights are quantised, which are not read: use the whole encoder.")
    for index in folder.glob("*.index.json"):
        _check_parts(index)
    stored = sum(path.stat().st_size for kind in ("*.safetensors", "*.bin") for path in folder.glob(kind))
    if stored and _least_bytes(config) > SPARE * stored:
        raise UserError(f"Encoder folder '{folder.name}': config.json describes a far larger encoder than its weights: it was changed.")
    return config


def _check_parts(index: Path) -> None:
    """Refuse an index of sharded weights that names anything but a file beside it: transformers would open it."""
    named = _object(index).get("weight_map")
    parts = set(map(str, named.values())) if isinstance(named, dict) else {""}
    wrong = sorted(part for part in parts if Path(part).name != part or not (index.parent / part).is_file())
    if wrong:
        raise UserError(
            f"Encoder folder '{index.parent.name}': {index.name} names a part of the weights that is not in the folder, "
            f"{wrong[0][:100]!r}: copy all files of the encoder there."
        )


def _object(file: Path) -> dict[str, Any]:
    try:
        config = json.loads(file.read_text(encoding="utf-8")) if file.stat().st_size <= LARGEST_CONFIG else None
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict):
        raise UserError(f"Encoder folder '{file.parent.name}': {file.name} is no JSON object: save the encoder with save_pretrained().")
    return config


def _least_bytes(config: dict[str, Any]) -> int:
    """Bytes in float32 of the word embeddings and of the attention's and feed-forward's matrices, where layers are not shared."""
    hidden = config.get("hidden_size") or config.get("dim") or 0
    words = (config.get("vocab_size") or 0) * (config.get("embedding_size") or hidden)
    layers = config.get("num_hidden_layers") or config.get("n_layers") or 0
    inner = config.get("intermediate_size") or config.get("hidden_dim") or 0
    each = 4 * hidden**2 + 2 * hidden * inner
    return 4 * (words + each * (1 if config.get("model_type") == "albert" else layers))
