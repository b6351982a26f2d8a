"""What the report pipeline writes and logs."""

from support.reporting.metric_names import raw_metric_names

from psy_agents.agents.registry import AGENTS
from psy_agents.reporting.outputs import report_outputs
from psy_agents.reporting.report_page.page import alarms, headline


def test_metrics_have_their_titles_on_the_page_in_the_log_and_in_latex(report, tmp_path, caplog):
    caplog.set_level("INFO")
    shown = report_outputs(report.model_copy(update={"missing": AGENTS}), f"sqlite:///{tmp_path}/studies.db", {})
    assert raw_metric_names("macro_f1 and evidence\\_exact\\_match") == {"macro_f1", "evidence_exact_match"}
    assert raw_metric_names(shown["page"]) == raw_metric_names(shown["latex"]) == raw_metric_names(caplog.text) == set()
    assert caplog.messages == [*(f"ALARM: {sentence}" for sentence in alarms(report)), *headline(report)], "those of the page"
    assert "in macro-F1" in caplog.messages[0]
