"""Alarms: which agent is not shown to be better than which baseline."""

from psy_agents.evaluation.alarms import alarms
from psy_agents.evaluation.significance import compare

AGENTS = {"criteria": (0.95, {"spans": False}), "evidence": (0.1, {"probabilities": False}), "share": (0.5, {})}
BASELINES = {
    "tfidf_logistic": (0.5, {"spans": False}),
    "random": (0.0, {"spans": False}),
    "tfidf_sentence": (0.9, {"probabilities": False}),
}


def test_an_alarm_for_each_baseline_that_an_agent_is_not_shown_to_beat(random_corpus):
    corpus = random_corpus(150)
    tables = {name: corpus.system(skill, **parts) for name, (skill, parts) in (AGENTS | BASELINES).items()}
    compared = compare(tables, corpus.texts, corpus.criteria, baselines=BASELINES, permutations=999)
    found = {(alarm.agent, alarm.metric, alarm.baseline): alarm for alarm in alarms(compared)}
    assert set(found) == {
        ("evidence", "token_f1", "tfidf_sentence"),
        ("share", "macro_f1", "tfidf_logistic"),  # As good is no better.
        ("share", "token_f1", "tfidf_sentence"),
    }
    assert not found["share", "macro_f1", "tfidf_logistic"].worse
    assert found["evidence", "token_f1", "tfidf_sentence"].worse, "far below the baseline"
    assert all(alarm.p_holm > 0.05 or alarm.difference.value < 0 for alarm in found.values())


def test_one_post_more_is_an_alarm_though_the_value_is_higher(random_corpus):
    """The agent is right about one post more than the baseline; a comparison of values alone would raise no alarm."""
    corpus = random_corpus(60)
    baseline = corpus.system(0.5, spans=False)
    wrong = (baseline["predicted"] != baseline["label"]) & (baseline["label"] == 1)
    agent = baseline.copy()
    agent.loc[wrong.idxmax(), "predicted"] = True
    (compared,) = compare({"agent": agent, "baseline": baseline}, corpus.texts, corpus.criteria, baselines={"baseline"})
    (alarm,) = alarms([compared])
    assert alarm.difference.value > 0 and alarm.p_holm == 1.0 and not alarm.worse
