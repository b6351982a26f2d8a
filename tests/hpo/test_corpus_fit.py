"""A corpus that would end each trial of a search, or make all of them worth nothing, is refused before the first trial."""

import json
import logging
from dataclasses import replace

import pytest
from support.small_search import SPACES
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from psy_agents.errors import ParameterError, UserError
from psy_agents.hpo.corpus_fit import check_criteria_fit, check_evidence
from psy_agents.training.config import TrainingSettings

WORDS = "trouble with sleep at night "


@pytest.fixture
def encoder(tmp_path):
    """A folder with a tokenizer that takes each word as a token, and 64 positions."""
    words = ["[UNK]", "[CLS]", "[SEP]", "I", *WORDS.split()]
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    pair = "[CLS] $A [SEP] $B:1 [SEP]:1"
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", pair=pair, special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    shape = {"model_type": "bert", "num_hidden_layers": 2, "max_position_embeddings": 64, "pad_token_id": 0, "vocab_size": 9}
    (tmp_path / "config.json").write_text(json.dumps(shape))
    return tmp_path


def check(encoder, choices=(), fixed=48, words=6, offered=("one",)):
    ranges = {"max_length": {"type": "categorical", "choices": list(choices)}} if choices else {}
    settings = TrainingSettings(fixed={"encoder": str(encoder), "max_length": fixed})
    spaces = SPACES.model_validate({"small": ranges, "large": {}})
    criteria = {"short": "sleep", "long": " ".join((WORDS * words).split()[:words])}
    check_criteria_fit(criteria, dict.fromkeys(offered, encoder), spaces.space("share", "small", settings), settings, "small")


def test_every_offered_window_must_hold_the_longest_criterion_and_some_of_the_post(encoder):
    check(encoder, choices=(17, 40), words=6)  # Six words, three special tokens, eight of the post.
    with pytest.raises(ParameterError) as refusal:
        check(encoder, choices=(40, 16), words=6)
    assert str(refusal.value) == (
        "search_space.small.max_length.choices: windows of 16 tokens are too short, as the criterion long takes 9 tokens of one with "
        "special tokens: choose at least 17."
    )
    with pytest.raises(ParameterError, match=r"^training\.fixed\.max_length: windows of 16 tokens"):
        check(encoder, fixed=16, words=6)


def test_the_advice_is_never_beyond_what_the_encoder_reads(encoder):
    with pytest.raises(ParameterError, match=r"takes 73 tokens .*: shorten the criterion: the encoder reads at most 64 tokens\.$"):
        check(encoder, words=70)


def test_a_tokenizer_with_more_tokens_than_the_encoder_has_embeddings_is_refused(encoder):
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    tokenizer.add_tokens(["zopiclone"])
    tokenizer.save(str(encoder / "tokenizer.json"))
    with pytest.raises(UserError, match=r"has 10 tokens, but the encoder has embeddings for 9: copy the tokenizer that belongs"):
        check(encoder)


def test_an_offered_encoder_that_does_not_know_the_words_of_the_criteria_is_refused(encoder):
    spaces, settings = SPACES.model_validate({"small": {}, "large": {}}), TrainingSettings(fixed={"max_length": 48})
    with pytest.raises(UserError, match=r"^The tokenizer of foreign reads 2 of the 2 words of the criteria as unknown"):
        check_criteria_fit({"a": "zu müde"}, {"foreign": encoder}, spaces.space("share", "small", settings), settings, "small")


def without_evidence(corpus, split):
    lost = corpus.pairs["post_id"].isin(corpus.members(split)) & (corpus.pairs["label"] == 1)
    return replace(corpus, pairs=corpus.pairs.assign(evidence_known=corpus.pairs["evidence_known"] & ~lost))


@pytest.mark.parametrize("split", ["train", "validation"])
def test_an_agent_of_evidence_alone_is_refused_without_evidence_and_one_of_both_is_warned(corpus, caplog, split):
    lost = without_evidence(corpus, split)
    with pytest.raises(UserError, match=rf"evidence predicts evidence alone .* The {split} split has no evidence with a known place"):
        check_evidence("evidence", lost)
    assert not caplog.messages
    with caplog.at_level(logging.WARNING, "psy_agents"):
        for agent in ("criteria", "share", "joint"):
            check_evidence(agent, lost)
    assert [message.split(":")[0] for message in caplog.messages] == ["share", "joint"]
    for agent in ("evidence", "share", "joint"):
        check_evidence(agent, corpus)
    assert len(caplog.messages) == 2
