"""Whether a corpus fits a search: what would end each trial, or make all of them worth nothing, is refused before the first."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from psy_agents.agents.encoders.shape import shape_of
from psy_agents.agents.encoders.tokenizer import check_vocabulary, criterion_tokens, encode_of, load_tokenizer, plain_tokenizer
from psy_agents.agents.registry import spec
from psy_agents.agents.windows import check_criteria_are_read, too_short_for
from psy_agents.corpus.corpus import Corpus
from psy_agents.errors import ParameterError, UserError
from psy_agents.hpo.space.fit import bounds_of, key_of
from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.training.config import TrainingSettings

log = logging.getLogger(__name__)

SPLITS = ("train", "validation")  # that a search reads


def check_criteria_fit(
    criteria: Mapping[str, str], encoders: Mapping[str, Path], space: SearchSpace, settings: TrainingSettings, name: str
) -> None:
    """Refuse a space with a window that is too short for a criterion and some of the post, with one of the encoders.

    Args:
        criteria: id -> text.
        encoders: all that the space offers, with their folders.
        name: of the space, in the configuration.

    Raises:
        ParameterError: names the criterion, and the least window that fits if the encoder can read it.
        UserError: a tokenizer cannot be used, has more tokens than its encoder, or does not know the words of the criteria.
    """
    fixed = settings.hyperparameters({}).model_dump()
    shortest, _ = bounds_of(space, fixed, "max_length")
    for encoder, folder in encoders.items():
        if len(encoders) > 1:  # Of a single one the workers report it; here importing transformers would cost every search seconds.
            load_tokenizer(folder)
        tokenizer, shape = plain_tokenizer(folder), shape_of(folder)
        check_vocabulary(tokenizer, shape.vocabulary, folder)
        check_criteria_are_read(encode_of(tokenizer), criteria.values(), encoder)
        tokens = criterion_tokens(tokenizer, criteria)
        longest = max(tokens, key=tokens.__getitem__)
        problem = too_short_for(shortest, tokens[longest], shape.positions, longest, encoder)
        if problem:
            raise ParameterError(key_of(space, name, "max_length", "low"), problem)


def check_evidence(agent: str, corpus: Corpus) -> None:
    """Refuse an agent of evidence alone where a split has no pair with known evidence; warn for an agent of both.

    Raises:
        UserError: every trial would be scored 0.
    """
    predicts = spec(agent)
    if not predicts.predicts_evidence:
        return
    pairs = corpus.pairs
    shown = pairs["evidence_known"] & (pairs["starts"].map(len) > 0)
    for split in SPLITS:
        here = pairs["post_id"].isin(corpus.members(split))
        positive = int((here & (pairs["label"] == 1)).sum())
        if (here & shown).any():
            continue
        problem = (
            f"The {split} split has no evidence with a known place ({positive} positive pairs): are the annotated sentences "
            f"verbatim in their posts? The data-quality report counts them"
        )
        if not predicts.predicts_criterion:
            lost = f"{agent} predicts evidence alone and would be scored 0. {problem}"
            raise UserError(f"{lost}: correct them, or search the agent criteria.")
        log.warning("%s: its evidence side learns nothing or is scored 0. %s", agent, problem)
