"""Losses and pooling against plain references."""

import pytest
import torch
from torch.nn import functional as F

from psy_agents.agents.config import LossConfig
from psy_agents.agents.losses import criterion_loss, positive_weight, span_loss
from psy_agents.agents.pooling import POOLINGS, new_pooling
from psy_agents.agents.window_pooling import pool_windows

LOGITS = torch.tensor([-2.0, -0.3, 0.0, 1.5, 4.0])
LABELS = torch.tensor([0, 1, 0, 1, 0])


def test_cross_entropy():
    expected = F.cross_entropy(torch.stack([torch.zeros(5), LOGITS], 1), LABELS, reduction="sum")
    torch.testing.assert_close(criterion_loss(LOGITS, LABELS, LossConfig(), 1.0), expected)


def test_positives_weigh_more():
    each = F.binary_cross_entropy_with_logits(LOGITS, LABELS.float(), reduction="none")
    got = criterion_loss(LOGITS, LABELS, LossConfig(), 3.0)
    torch.testing.assert_close(got, (each * torch.tensor([1.0, 3, 1, 3, 1])).sum())


@pytest.mark.parametrize("e", [0.0, 0.1, 0.4])
def test_label_smoothing_is_torchs(e):
    config = LossConfig(loss="label_smoothing", label_smoothing_factor=e)
    two = torch.stack([torch.zeros(5), LOGITS], 1)
    torch.testing.assert_close(
        criterion_loss(LOGITS, LABELS, config, 1.0), F.cross_entropy(two, LABELS, label_smoothing=e, reduction="sum")
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal(gamma):
    p = torch.where(LABELS > 0, LOGITS.sigmoid(), 1 - LOGITS.sigmoid())
    expected = (-((1 - p) ** gamma) * p.log()).sum()
    torch.testing.assert_close(criterion_loss(LOGITS, LABELS, LossConfig(loss="focal", focal_gamma=gamma), 1.0), expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("logit", [30.0, 60.0, 200.0])
def test_focal_gradient_of_a_certain_answer_is_finite(gamma, logit):
    logits = torch.tensor([logit, -logit], requires_grad=True)
    criterion_loss(logits, torch.tensor([1, 0]), LossConfig(loss="focal", focal_gamma=gamma), 1.0).backward()
    assert torch.isfinite(logits.grad).all()


def test_class_weights():
    labels = torch.tensor([1] * 2 + [0] * 18)
    got = [positive_weight(labels, LossConfig(class_weighting=w)) for w in ("none", "balanced", "sqrt_balanced")]
    assert got == [1.0, 9.0, 3.0]


def spans():
    generator = torch.Generator().manual_seed(0)
    start, end = torch.randn(2, 3, 6, generator=generator)
    start[:, 1] = end[:, 1] = -torch.inf  # the criterion's token
    return start, end


def targets(*positions):
    mask = torch.zeros(3, 6, dtype=torch.bool)
    for row, columns in enumerate(positions):
        mask[row, list(columns)] = True
    return mask


@pytest.mark.parametrize("kind", ["uniform", "marginal"])
def test_one_gold_span_is_cross_entropy(kind):
    start, end = spans()
    config = LossConfig(span_loss=kind, no_answer_weight=0.5)
    got = span_loss(start, end, targets([2], [0], [4]), targets([3], [0], [4]), torch.ones(3), config)
    each = F.cross_entropy(start, torch.tensor([2, 0, 4]), reduction="none")
    each = each + F.cross_entropy(end, torch.tensor([3, 0, 4]), reduction="none")
    torch.testing.assert_close(got, (each * torch.tensor([1.0, 0.5, 1.0])).sum() / 2)


def test_several_gold_spans():
    start, end = spans()
    gold_start, gold_end = targets([2, 4], [0], [0]), targets([3, 5], [0], [0])
    known = torch.tensor([1.0, 0.0, 0.0])
    p, q = start[0].softmax(-1), end[0].softmax(-1)
    uniform = -(p[2].log() + p[4].log() + q[3].log() + q[5].log()) / 4
    marginal = -((p[2] + p[4]).log() + (q[3] + q[5]).log()) / 2
    for kind, expected in (("uniform", uniform), ("marginal", marginal)):
        torch.testing.assert_close(span_loss(start, end, gold_start, gold_end, known, LossConfig(span_loss=kind)), expected)


@pytest.mark.parametrize("kind", ["uniform", "marginal"])
def test_unknown_evidence_gives_no_gradient_and_gradients_are_finite(kind):
    start, end = (logits.requires_grad_() for logits in spans())
    gold = targets([2, 3], [0], [4])
    span_loss(start, end, gold, gold, torch.tensor([1.0, 1.0, 0.0]), LossConfig(span_loss=kind)).backward()
    for logits in (start, end):
        assert torch.isfinite(logits.grad).all()
        assert logits.grad[0].any()
        assert not logits.grad[2].any()


def test_pool_windows():
    logits, pair = torch.tensor([1.0, 3.0, -2.0, 0.5, 0.5]), torch.tensor([0, 0, 1, 2, 2])
    assert pool_windows(logits, pair, 3, "max").tolist() == [3.0, -2.0, 0.5]
    assert pool_windows(logits, pair, 3, "mean").tolist() == [2.0, -2.0, 0.5]
    smooth = pool_windows(logits, pair, 3, "logsumexp")
    torch.testing.assert_close(smooth, torch.tensor([((1.0 * torch.e + torch.e**3) / 2), torch.e**-2, torch.e**0.5]).log())


@pytest.mark.parametrize("kind", ["max", "mean", "logsumexp"])
def test_pool_windows_gradient(kind):
    logits = torch.tensor([1.0, 3.0, -2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: pool_windows(x, torch.tensor([0, 0, 1]), 2, kind), (logits,))


@pytest.mark.parametrize("kind", POOLINGS)
def test_pooling_ignores_padding(kind):
    torch.manual_seed(0)
    pooling, states = new_pooling(kind, 4), torch.randn(2, 5, 4)
    mask = torch.tensor([[True] * 3 + [False] * 2, [True] * 5])
    changed = states.masked_fill(~mask.unsqueeze(-1), 100.0)
    torch.testing.assert_close(pooling(states, mask), pooling(changed, mask))
    torch.testing.assert_close(pooling(states, mask)[:1], pooling(states[:1, :3], mask[:1, :3]))
