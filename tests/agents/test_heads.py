"""The likeness of texts, against plain loops."""

import pytest
import torch
from torch.nn import functional as F

from psy_agents.agents.heads import SentenceSimilarity, Similarity


@pytest.mark.parametrize("n_sentences", [3, 8])
def test_each_token_has_the_likeness_of_its_sentence(n_sentences):
    torch.manual_seed(0)
    states = torch.randn(2, 8, 5)
    sentence = torch.tensor([[-1, -1, -1, 0, 0, 1, 1, 1], [-1, -1, -1, 0, 1, 2, -1, -1]])
    criterion = torch.tensor([[False, True, True, *[False] * 5]] * 2)
    logits = SentenceSimilarity()(states, criterion, sentence, n_sentences).detach()
    for row in range(2):
        asked = states[row, 1:3].mean(0)
        for token in range(8):
            if sentence[row, token] < 0:
                assert logits[row, token] == 0
                continue
            mean = states[row, sentence[row] == sentence[row, token]].mean(0)
            assert float(logits[row, token]) == pytest.approx(8 * float(F.cosine_similarity(asked, mean, dim=0)) - 4, abs=1e-5)


def test_equal_texts_are_likely_whatever_the_precision_around():
    states = torch.ones(1, 4, 6)
    criterion, post = torch.tensor([[True, True, False, False]]), torch.tensor([[False, False, True, True]])
    with torch.autocast("cpu", torch.bfloat16):
        logit = Similarity()(states.bfloat16(), criterion, post)
    assert logit.dtype == torch.float32
    assert float(logit.detach()) == pytest.approx(4, abs=1e-5)
