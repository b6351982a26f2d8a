"""Alarms: which agent is no better than which baseline."""

from psy_agents.evaluation.alarms import alarms
from psy_agents.evaluation.evaluate import evaluate


def test_an_alarm_for_each_baseline_that_an_agent_does_not_exceed(random_corpus):
    corpus = random_corpus(40)

    def of(name, kind, skill, **parts):
        return evaluate(name, kind, corpus.system(skill, **parts), corpus.texts, corpus.criteria, resamples=0)

    evaluations = [
        of("criteria", "agent", 0.9, spans=False),
        of("evidence", "agent", 0.1, probabilities=False),
        of("share", "agent", 0.5),
        of("tfidf_logistic", "baseline", 0.5, spans=False),
        of("perfect", "baseline", 1.0, spans=False),
        of("tfidf_sentence", "baseline", 0.9, probabilities=False),
    ]
    found = alarms(evaluations)
    assert {(alarm.agent, alarm.metric, alarm.baseline) for alarm in found} == {
        ("criteria", "macro_f1", "perfect"),
        ("evidence", "token_f1", "tfidf_sentence"),
        ("share", "macro_f1", "perfect"),
        ("share", "macro_f1", "tfidf_logistic"),  # As good is no better.
        ("share", "token_f1", "tfidf_sentence"),
    }
    assert all(alarm.value <= alarm.baseline_value for alarm in found)
