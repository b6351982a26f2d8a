"""An encoder's tokenizer without transformers, and how many tokens of a window each criterion takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from psy_agents.agents.encoders.loading import load_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def plain_tokenizer(folder: Path) -> Tokenizer:
    """The encoder's tokenizer, without truncation and padding.

    It is read from ``tokenizer.json`` if the file exists: importing transformers takes seconds.
    """
    from tokenizers import Tokenizer

    saved = folder / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(saved)) if saved.is_file() else load_tokenizer(folder).backend_tokenizer
    tokenizer.no_truncation()  # The file may hold the settings of the last call before the save.
    tokenizer.no_padding()
    return tokenizer


def criterion_tokens(tokenizer: Tokenizer, criteria: Mapping[str, str]) -> dict[str, int]:
    """Tokens of a window that each criterion takes with the special tokens.

    Args:
        criteria: id -> text.
    """
    special = tokenizer.num_special_tokens_to_add(is_pair=True)
    encodings = tokenizer.encode_batch(list(criteria.values()), add_special_tokens=False)
    return {criterion: special + len(encoding) for criterion, encoding in zip(criteria, encodings, strict=True)}
