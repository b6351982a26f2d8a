"""Zero-shot by a chat model: it is shown a post and a criterion, and gives a probability and the sentences that show it.

A stated probability is better calibrated than the model's own token probabilities after tuning on human preferences (Tian et al., "Just Ask
for Calibration", EMNLP 2023). Nothing is trained; calibration, thresholds and decoding rule are chosen as for every baseline.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np

from psy_agents.baselines.chat.answers import ChatAnswer, StoredAnswers, key_of, read_answer
from psy_agents.baselines.chat.server import ChatServer
from psy_agents.baselines.config import BaselinesConfig
from psy_agents.baselines.sentences import MOST_SENTENCES, candidates_of
from psy_agents.baselines.system import Answering, Baseline, BaselineSetup, System
from psy_agents.errors import UserError
from psy_agents.evaluation.calibration import log_odds
from psy_agents.training.data import PairData
from psy_agents.training.scoring import Answers

log = logging.getLogger(__name__)

Pair = tuple[str, str]
"""A post's text and a criterion's wording."""


class Chat(System):
    """``chat`` and ``chat_quotes``. Their scores are not stored: the answers are (`StoredAnswers`), and a server may change its model."""

    baselines = (Baseline("chat", "criteria", ("criteria",)), Baseline("chat_quotes", "evidence", ("evidence",)))

    def __init__(self, setup: BaselineSetup) -> None:
        super().__init__(setup)
        self._config, self._known = setup.config.chat, dict[Pair, ChatAnswer]()

    @classmethod
    def is_used(cls, config: BaselinesConfig) -> bool:
        """Whether a model is named."""
        return config.chat.model is not None

    def fit(self, train: PairData, setting: Hashable) -> Answering:
        """Learn nothing."""
        return self._answers

    def _answers(self, data: PairData) -> Answers:
        pairs = list(zip(data.texts, data.criterion_texts, strict=True))
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self._known]
        if new:
            self._known |= dict(zip(new, chat_answers(new, self._config.prompted(new), self.setup), strict=True))
        found = [self._known[pair] for pair in pairs]
        probabilities = np.array([each.probability or 0.0 for each in found])
        margins = log_odds(probabilities)
        spans = [(pair, span) for pair, each in enumerate(found) for span in each.spans[:MOST_SENTENCES]]
        places = [pair for pair, _ in spans]
        return Answers(probabilities, candidates_of(places, [span for _, span in spans], margins[places]))


def chat_answers(pairs: Sequence[Pair], prompts: Sequence[str], setup: BaselineSetup) -> list[ChatAnswer]:
    """The model's answer to each pair. Only what is not stored is asked. The log has counts alone.

    Raises:
        UserError: the server cannot be used, or no answer is JSON as the prompt asks.
    """
    config = setup.config.chat
    keys, stored = [key_of(config, prompt) for prompt in prompts], StoredAnswers(config.answers)
    known = stored.read(keys)
    missing = [number for number, key in enumerate(keys) if key not in known]
    log.info("chat: %d pairs, %d of them answered before", len(pairs), len(pairs) - len(missing))
    if missing:
        server = ChatServer(config)
        with stored.opened() as database, ThreadPoolExecutor(config.requests_at_once) as pool:
            asked = {pool.submit(lambda n=n: read_answer(server.ask(prompts[n]), pairs[n][0])): n for n in missing}
            try:
                for count, future in enumerate(as_completed(asked), start=1):
                    known[keys[asked[future]]] = answer = future.result()
                    stored.keep(database, keys[asked[future]], answer)
                    if count * 10 // len(missing) > (count - 1) * 10 // len(missing):
                        log.info("chat: %d of %d answers", count, len(missing))
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
    found = [known[key] for key in keys]
    _warn_of_losses(found)
    return found


def _warn_of_losses(found: Sequence[ChatAnswer]) -> None:
    unread, lost = sum(each.probability is None for each in found), sum(each.lost for each in found)
    if unread == len(found):
        raise UserError(
            f"None of {unread} answers of the model in baselines.chat.model is JSON with a probability from 0 to 100: change "
            f"baselines.chat.prompt, or raise baselines.chat.max_tokens."
        )
    if unread:
        log.warning("chat: %d of %d answers are not JSON with a probability from 0 to 100; they count as 0", unread, len(found))
    if lost:
        log.warning("chat: %d quoted sentences are not in their posts and are left out", lost)


SYSTEM = Chat
