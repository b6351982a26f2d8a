"""Loads the tokenizer of an encoder, refuses one that reads words as unknown, and counts the tokens of each criterion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from psy_agents.errors import UserError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

UNKNOWN = "\U00013000"  # A hieroglyph: a tokenizer gives it what it gives to all that it does not know.
COMMON_WORDS = ("I", "feel", "tired", "today", "siempre", "nicht", "не", "могу", "我", "睡", "私", "잠", "لا", "मैं", "ฉัน")

Encode = Callable[[str], Sequence[int]]  # Token ids of a text, without special tokens.


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Load the tokenizer of an encoder or a saved agent; offsets into the text need a fast one.

    Raises:
        UserError: there are no tokenizer files, or the tokenizer is unsuitable.
    """
    from transformers import AutoTokenizer

    with _damage_refused(folder):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if not tokenizer.is_fast:
        raise UserError(f"The tokenizer in '{folder.name}' is not a fast tokenizer, so evidence has no offsets.")
    with _damage_refused(folder):
        _check_words(lambda text: tokenizer(text, add_special_tokens=False)["input_ids"], folder)
        closed = closes_both_texts(tokenizer.backend_tokenizer)
    if not closed:
        _close_both_texts(tokenizer, folder)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token  # Any token will do: padding is masked, and stands after a window's end.
    if tokenizer.pad_token_id is None:
        raise UserError(
            f"The tokenizer in '{folder.name}' has neither a padding token nor one that ends a text: set pad_token in its files."
        )
    tokenizer.padding_side = tokenizer.truncation_side = "right"  # Windows are filled and cut at their ends.
    return tokenizer


def closes_both_texts(tokenizer: Tokenizer) -> bool:
    """Whether a special token stands after each text of a pair, as ``[CLS] a [SEP] b [SEP]`` of an encoder has it."""
    encoding = tokenizer.encode("a", "b")
    texts = [text for text, real in zip(encoding.sequence_ids, encoding.attention_mask, strict=True) if real]
    first_ends = len(texts) - texts[::-1].index(0)
    return texts[first_ends] is None and texts[-1] is None


def _close_both_texts(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Let a decoder's tokenizer read ``<bos> a <eos> b <eos>``; without a token that begins a text, that which ends one begins it too.

    Position 0 is then no word, two texts never run into each other, and the last token, which has read all, is no word either.
    """
    from tokenizers.processors import TemplateProcessing

    end = tokenizer.eos_token
    if end is None:
        raise UserError(f"The tokenizer in '{folder.name}' has no token that ends a text: set eos_token in its files.")
    begin = tokenizer.bos_token or end
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=[begin, "$A", end],
        pair=[begin, "$A:0", end, "$B:0", end],
        special_tokens=[(token, tokenizer.convert_tokens_to_ids(token)) for token in dict.fromkeys((begin, end))],
    )


def plain_tokenizer(folder: Path) -> Tokenizer:
    """The encoder's tokenizer, without truncation and padding.

    It is read from ``tokenizer.json`` if the file exists and is an encoder's: importing transformers takes seconds.

    Raises:
        UserError: there are no tokenizer files, or the tokenizer is unsuitable.
    """
    from tokenizers import Tokenizer

    saved = folder / "tokenizer.json"
    if saved.is_file():
        with _damage_refused(folder):
            tokenizer = Tokenizer.from_file(str(saved))
    else:
        tokenizer = load_tokenizer(folder).backend_tokenizer
    tokenizer.no_truncation()  # The file may hold the settings of the last call before the save.
    tokenizer.no_padding()
    with _damage_refused(folder):
        _check_words(encode_of(tokenizer), folder)
        closed = closes_both_texts(tokenizer)
    if not closed:  # A decoder's, which transformers and the rule above change.
        tokenizer = load_tokenizer(folder).backend_tokenizer
    return tokenizer


def encode_of(tokenizer: Tokenizer) -> Encode:
    """What gives a text's token ids."""
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def criterion_tokens(tokenizer: Tokenizer, criteria: Mapping[str, str]) -> dict[str, int]:
    """Tokens of a window that each criterion takes with the special tokens.

    Args:
        criteria: id -> text.
    """
    special = tokenizer.num_special_tokens_to_add(is_pair=True)
    encodings = tokenizer.encode_batch(list(criteria.values()), add_special_tokens=False)
    return {criterion: special + len(encoding) for criterion, encoding in zip(criteria, encodings, strict=True)}


def check_vocabulary(tokenizer: Tokenizer, vocabulary: int, folder: Path) -> None:
    """Refuse a tokenizer with more tokens than the encoder has embeddings: the first such token in a post would end a trial.

    Args:
        vocabulary: number of the encoder's embeddings.

    Raises:
        UserError: names both sizes.
    """
    tokens = 1 + max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if tokens > vocabulary:
        raise UserError(
            f"The tokenizer in '{folder}' has {tokens:,} tokens, but the encoder has embeddings for {vocabulary:,}: copy the tokenizer "
            f"that belongs to the encoder there."
        )


def lost_words(encode: Encode, words: Sequence[str]) -> list[str]:
    """The words of which the tokenizer keeps nothing: it gives them no tokens, or those of a character that it does not know."""
    unknown = set(encode(UNKNOWN))
    return [word for word in words if unknown.issuperset(encode(word))]


def _check_words(encode: Encode, folder: Path) -> None:
    """Refuse a tokenizer without a vocabulary: transformers makes one where files are missing, and all text would be unknown."""
    if len(lost_words(encode, COMMON_WORDS)) == len(COMMON_WORDS):
        raise UserError(
            f"The tokenizer in '{folder}' knows no word, so files of it are missing: copy tokenizer.json and tokenizer_config.json there, "
            "or save the tokenizer there with save_pretrained()."
        )


@contextmanager
def _damage_refused(folder: Path) -> Iterator[None]:
    """transformers raises many types, tokenizers a bare Exception or, where Rust panics, what is no Exception at all."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise UserError(
            f"The tokenizer in '{folder}' cannot be read ({type(error).__name__}): copy tokenizer.json and tokenizer_config.json there, "
            "or save the tokenizer there with save_pretrained()."
        ) from None
