"""Every family's tokenizer is read where its files are, and refused in one sentence where they are missing or damaged."""

import json
import shutil
from pathlib import Path

import pytest
from support.tiny_agents import CRITERIA, ENCODERS

from psy_agents.agents.config import BUNDLED_ENCODER
from psy_agents.agents.encoders.loading import check_encoder, locate_encoder
from psy_agents.agents.encoders.tokenizer import load_tokenizer, lost_words, plain_tokenizer
from psy_agents.agents.windows import tokenise_pairs
from psy_agents.errors import UserError

LOADERS = [load_tokenizer, plain_tokenizer]


@pytest.fixture(params=ENCODERS)
def folder(request, encoders, tmp_path):
    return Path(shutil.copytree(encoders[request.param], tmp_path / request.param))


def test_words_are_kept(folder):
    text = CRITERIA["sleep"]
    whole, plain = load_tokenizer(folder), plain_tokenizer(folder)
    ids = whole(text, add_special_tokens=False)["input_ids"]
    assert plain.encode(text, add_special_tokens=False).ids == ids
    assert lost_words(lambda word: whole(word, add_special_tokens=False)["input_ids"], text.split()) == []
    assert whole.decode(ids).split() == text.split()


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("left", [(), ("tokenizer_config.json",)])
def test_missing_tokenizer_files_are_refused(folder, load, left):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if name not in left:
            (folder / name).unlink()
    with pytest.raises(UserError, match="copy tokenizer.json and tokenizer_config.json there") as refused:
        load(folder)
    assert str(folder) in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("content", ["", "{", "[]", "{\"model\": {}}", "\0"])
def test_a_damaged_tokenizer_is_refused(encoders, tmp_path, load, content):
    folder = Path(shutil.copytree(encoders["bert"], tmp_path / "bert"))
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match="cannot be read"):
        load(folder)


def test_the_bundled_encoders_tokenizer_is_read():
    assert plain_tokenizer(locate_encoder(BUNDLED_ENCODER)).get_vocab_size() == 30522


def test_an_encoder_that_does_not_know_the_criterias_language_is_refused(encoders):
    tokenizer = load_tokenizer(Path(encoders["bert"]))
    options = {"max_length": 60, "overlap": 0.0, "positions": 60}
    with pytest.raises(UserError, match="reads 3 of the 4 words of the criteria as unknown"):
        tokenise_pairs(tokenizer, ["нет сна ночью sleep"], ["tired"], **options)
    assert tokenise_pairs(tokenizer, ["нет sleep at night"], ["сна"], **options).n_pairs == 1


def test_a_token_that_its_configuration_adds_without_an_embedding_is_refused(encoders, tmp_path):
    altered = shutil.copytree(encoders["bert"], tmp_path / "encoder")
    check_encoder(altered)
    file = altered / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"cls_token": "[FIRST]"}))
    with pytest.raises(UserError, match=r"'.*encoder' has [0-9]+ tokens, but the encoder has embeddings for [0-9]+: copy the tokenizer"):
        check_encoder(altered)
