"""The figures of the data-quality report show its counts."""

from support.reporting.small_quality import quality_of, raw_tables, word_ends

from psy_agents.corpus.quality import Windowing
from psy_agents.reporting.data_quality.build import quality_figures
from psy_agents.reporting.data_quality.figures import lengths_plot


def test_the_figures_show_the_reports_counts():
    labels, lengths, rows = quality_figures(quality_of())
    assert {bar.name: sum(bar.x) for bar in labels.data} == {"train": 14, "validation": 3, "test": 3}
    assert sum(lengths.data[0].y) == 40
    assert [shape.x0 for shape in lengths.layout.shapes] == [6, 10]
    assert list(rows.data[0].text) == ["40", "40", "40", "80"]


def test_a_post_without_tokens_has_a_place_on_the_logarithmic_axis():
    posts, annotations = raw_tables()
    posts.loc[2, "text"] = "word " * 7000
    windowing = Windowing("w", 10, 4, 0.5, lambda texts: (ends if ends.size != 12 else ends[:0] for ends in word_ends(texts)))
    report = quality_of(posts, annotations[annotations["post_id"] != posts["post_id"][2]], windowing=windowing)
    assert lengths_plot(report).data[0].x[0] > 0
