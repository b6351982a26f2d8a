"""Predictions in CUDA graphs are those without, on a CPU's stand-in for graphs, which repeats operators without Python."""

from __future__ import annotations

import logging
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from support.training.recorded_graphs import RecordedGraphs

import psy_agents
from psy_agents.agents.registry import AGENTS
from psy_agents.agents.saved.agent import Decisions
from psy_agents.agents.saved.ensemble import save_ensemble
from psy_agents.errors import UserError
from psy_agents.inference import answerer
from psy_agents.inference.answerer import RUNS_BEFORE_CAPTURE
from psy_agents.inference.predictor import Predictor
from psy_agents.training.step import forward

SHORT = ["I have no energy left.", "Then it rained."]
OTHERS = ["I barely slept all week.", "Then we walked home."]
LONG = ["We walked to the market and home. I barely slept all week. " * 4, "Then it rained. I have no energy left. " * 5]


@pytest.fixture
def captured(monkeypatch, attention_by_mask):
    """Loads a saved agent with graphs of the stand-in: the agent and its graphs."""

    def load(folder, graphs=None):
        graphs = RecordedGraphs() if graphs is None else graphs
        with monkeypatch.context() as patched:
            patched.setattr("psy_agents.inference.predictor.new_graphs", lambda device: graphs)
            return Predictor(folder, device="cpu"), graphs

    return load


def soon(monkeypatch):
    """Capture at the second use."""
    monkeypatch.setattr(answerer, "RUNS_BEFORE_CAPTURE", 1)


def assert_same(found, expected):
    """Equal decisions and places; probabilities and scores up to rounding, since filled batches are summed in another order."""
    for ours, theirs in zip(found, expected, strict=True):
        for one, other in zip(ours.values(), theirs.values(), strict=True):
            assert one.predicted == other.predicted
            if other.probability is not None:
                assert one.probability == pytest.approx(other.probability, abs=1e-5)
            if other.spans is not None:
                assert [span.offsets for span in one.spans] == [span.offsets for span in other.spans]
                assert [span.score for span in one.spans] == pytest.approx([span.score for span in other.spans], abs=1e-4)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("agent", AGENTS)
def test_captured_predictions_of_two_shapes_in_turn_are_the_plain_ones(models, captured, agent, packed, monkeypatch):
    if not packed:
        monkeypatch.setattr("psy_agents.agents.model.why_not_packed", lambda *_: "a test reads padded windows")
    soon(monkeypatch)
    plain, (predictor, graphs) = Predictor(models(agent), device="cpu"), captured(models(agent))
    expected = {id(texts): plain.predict(texts) for texts in (SHORT, OTHERS, LONG)}
    first = {}
    for texts in (SHORT, LONG, OTHERS, LONG, SHORT, LONG):
        found = predictor.predict(texts)
        assert_same(found, expected[id(texts)])
        assert found == first.setdefault(id(texts), found), "a replay gives the numbers of the run as it is"
    assert graphs.captured >= 2 and graphs.replayed >= 4
    assert expected[id(SHORT)] != expected[id(OTHERS)]


def test_few_posts_are_never_captured_and_many_are(models, captured):
    predictor, graphs = captured(models("joint"))
    expected = predictor.predict(SHORT)
    for _ in range(RUNS_BEFORE_CAPTURE - 1):
        assert predictor.predict(SHORT) == expected
    assert graphs.captured == 0
    assert predictor.predict(SHORT) == expected
    assert (graphs.captured, graphs.replayed) == (1, 1)


def test_posts_beyond_the_tables_room_get_new_tables_and_graphs(models, captured, monkeypatch):
    soon(monkeypatch)
    monkeypatch.setattr(answerer, "LEAST_ROOM", (4, 64))
    plain, (predictor, graphs) = Predictor(models("share"), device="cpu"), captured(models("share"))
    for texts, of_all in ((SHORT, 0), (SHORT, 1), (LONG, 1), (LONG, 2), (SHORT, 2), (SHORT, 3), (LONG, 3)):
        assert_same(predictor.predict(texts), plain.predict(texts))
        assert graphs.captured == of_all
    assert graphs.replayed == 4


def test_shapes_beyond_the_most_give_up_the_one_that_was_used_least_recently(models, captured, monkeypatch):
    soon(monkeypatch)
    monkeypatch.setattr(forward, "MOST_GRAPHS", 1)
    plain, (predictor, graphs) = Predictor(models("share"), device="cpu"), captured(models("share"))
    for texts, replayed in ((SHORT, 0), (LONG, 0), (SHORT, 0), (SHORT, 1), (LONG, 1), (LONG, 2)):
        assert_same(predictor.predict(texts), plain.predict(texts))
        assert graphs.replayed == replayed


def test_predictions_run_as_they_are_once_a_capture_has_failed(models, captured, monkeypatch):
    soon(monkeypatch)
    predictor, graphs = captured(models("evidence"))
    graphs.error = RuntimeError("operation not permitted when stream is capturing")
    plain = Predictor(models("evidence"), device="cpu").predict(SHORT)
    for _ in range(3):
        assert_same(predictor.predict(SHORT), plain)
    assert graphs.failed and graphs.captured == 0


class OutOfMemoryOnce(RecordedGraphs):
    def capture(self, function):
        if self.error is None:
            self.error = torch.OutOfMemoryError("CUDA out of memory")
            raise self.error
        self.error = None
        return super().capture(function)


def test_memory_that_runs_out_in_a_capture_halves_the_batches(models, captured, monkeypatch, caplog):
    soon(monkeypatch)
    predictor, graphs = captured(models("joint"), OutOfMemoryOnce())
    plain = Predictor(models("joint"), device="cpu").predict(SHORT)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert_same(predictor.predict(SHORT), plain)
    assert caplog.messages == ["memory ran out: the agent reads batches of 4096 tokens from now on"]
    assert graphs.captured == 1 and not graphs.failed


@pytest.mark.parametrize("with_graphs", [True, False])
def test_memory_that_runs_out_in_a_batch_halves_it_down_to_single_windows(models, captured, with_graphs, caplog):
    folder = models("criteria")
    predictor = captured(folder)[0] if with_graphs else Predictor(folder, device="cpu")
    expected, most = predictor.predict(LONG * 12), 200

    def refuse(module, inputs, given):
        if given["input_ids"].numel() > most:
            raise torch.OutOfMemoryError("CUDA out of memory")

    predictor._members[0]._agent.encoders[0].register_forward_pre_hook(refuse, with_kwargs=True)
    with caplog.at_level(logging.WARNING):
        assert_same(predictor.predict(LONG * 12), expected)
    assert len(caplog.messages) >= 3
    most = 5
    with pytest.raises(torch.OutOfMemoryError):
        predictor.predict(LONG)


def test_an_encoder_that_cannot_be_captured_is_read_as_on_a_cpu_and_the_log_says_why_once(models, captured, tmp_path, monkeypatch, caplog):
    save_ensemble(tmp_path / "ensemble", [models("joint")] * 2, Decisions(0.5))
    monkeypatch.setattr("psy_agents.training.step.graphs.why_not_captured", lambda *_: "its forward pass waits")
    with caplog.at_level(logging.INFO):
        predictor, graphs = captured(tmp_path / "ensemble")
    assert [message for message in caplog.messages if "graphs" in message] == ["bert runs without CUDA graphs: its forward pass waits"]
    plain = Predictor(tmp_path / "ensemble", device="cpu")
    for _ in range(RUNS_BEFORE_CAPTURE + 1):
        assert predictor.predict(SHORT) == plain.predict(SHORT)
    assert graphs.captured == 0


def test_members_of_an_ensemble_share_the_graphs_memory(models, captured, tmp_path, monkeypatch):
    soon(monkeypatch)
    save_ensemble(tmp_path / "ensemble", [models("share")] * 2, Decisions(0.5))
    predictor, graphs = captured(tmp_path / "ensemble")
    plain = Predictor(tmp_path / "ensemble", device="cpu").predict(SHORT)
    for _ in range(3):
        assert_same(predictor.predict(SHORT), plain)
    assert graphs.captured == 2 and graphs.replayed == 4


@pytest.mark.parametrize("with_graphs", [True, False])
def test_a_copy_for_another_process_predicts_the_same(models, captured, monkeypatch, with_graphs):
    soon(monkeypatch)
    predictor = captured(models("joint"))[0] if with_graphs else Predictor(models("joint"), device="cpu")
    expected = [predictor.predict(SHORT) for _ in range(3)][-1]
    copy = pickle.loads(pickle.dumps(predictor))
    assert [copy.predict(SHORT) for _ in range(3)] == [expected] * 3


@pytest.mark.parametrize("with_graphs", [True, False])
def test_threads_get_the_predictions_of_their_own_posts(models, captured, monkeypatch, with_graphs):
    soon(monkeypatch)
    plain = Predictor(models("share"), device="cpu")
    predictor = captured(models("share"))[0] if with_graphs else plain
    texts = [SHORT, OTHERS, LONG] * 8
    expected = {id(each): plain.predict(each) for each in texts}
    with ThreadPoolExecutor(4) as pool:
        for each, found in zip(texts, pool.map(predictor.predict, texts), strict=True):
            assert_same(found, expected[id(each)])


def test_the_setting_is_auto_or_off(models, monkeypatch):
    made = []
    monkeypatch.setattr("psy_agents.inference.predictor.new_graphs", made.append)
    Predictor(models("share"), device="cpu", cuda_graphs="off")
    assert not made
    psy_agents.load(models("share"))
    assert made
    with pytest.raises(UserError, match=r"^cuda_graphs is 'of', but there are auto and off: choose one\.$"):
        psy_agents.load(models("share"), cuda_graphs="of")


def test_on_a_cpu_nothing_is_filled_or_captured(models, monkeypatch):
    monkeypatch.setattr(answerer, "CapturedForward", lambda *_: pytest.fail("filled"))
    assert Predictor(models("joint"), device="cpu", cuda_graphs="auto").predict(SHORT)
