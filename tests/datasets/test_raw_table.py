from __future__ import annotations

import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError

from psy_agents.app.error_reporting import user_error
from psy_agents.datasets.project import PROJECT
from psy_agents.datasets.raw_table import RawTableDataset
from psy_agents.errors import UserError

POSTS = "post_id,text\na,one\nb,\n"


def dataset(path):
    return RawTableDataset(filepath=str(path))


def test_the_suffix_decides_what_is_loaded(tmp_path):
    (tmp_path / "posts.csv").write_text(POSTS)
    (tmp_path / "criteria.json").write_text('{"sleep": "Sleeps badly."}')
    loaded = dataset(tmp_path / "posts.csv").load()
    pd.testing.assert_frame_equal(loaded, pd.DataFrame({"post_id": ["a", "b"], "text": ["one", ""]}, dtype="str"))
    assert dataset(tmp_path / "criteria.json").load() == {"sleep": "Sleeps badly."}


def test_a_relative_path_lies_in_the_project():
    assert dataset("data/01_raw/posts.csv")._filepath.as_posix() == (PROJECT / "data/01_raw/posts.csv").as_posix()


def test_it_exists_where_something_lies_at_its_path(tmp_path, monkeypatch):
    (tmp_path / "posts.csv").write_text(POSTS)
    assert dataset(tmp_path / "posts.csv").exists()
    assert not dataset(tmp_path / "other.csv").exists()
    assert not dataset(tmp_path / "posts.csv" / "posts.csv").exists()

    def deny(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.stat", deny)
    assert dataset(tmp_path / "posts.csv").exists(), "loading it must say why it may not be read"


def test_the_readers_sentence_reaches_the_session_with_the_files_path(tmp_path):
    path = tmp_path / "posts.csv"
    path.write_bytes(b"post_id,text\na,canary \xff\n")
    with pytest.raises(DatasetError) as caught:
        dataset(path).load()
    found = user_error(caught.value)
    assert str(found) == f"{path.as_posix()}, line 2: byte 23 of the file (0xff) is not UTF-8: save it as UTF-8."
    assert "canary" not in str(caught.value)


def test_a_missing_file_is_reported_as_missing(tmp_path):
    for name in ("posts.csv", "posts.parquet", "criteria.json"):
        with pytest.raises(DatasetError) as caught:
            dataset(tmp_path / name).load()
        assert str(user_error(caught.value)).startswith(f"{(tmp_path / name).as_posix()} is missing: put it there")


@pytest.mark.parametrize("name", ["posts.csv", "criteria.json"])
def test_a_link_that_leads_to_itself_is_reported_as_unreadable(tmp_path, name):
    (tmp_path / name).symlink_to(name)
    with pytest.raises(DatasetError) as caught:
        dataset(tmp_path / name).load()
    assert str(user_error(caught.value)).startswith(f"{(tmp_path / name).as_posix()}: the file cannot be read (Too many levels of symbolic")


def test_raw_data_is_never_written(tmp_path):
    with pytest.raises(DatasetError) as caught:
        dataset(tmp_path / "posts.csv").save(pd.DataFrame({"post_id": ["a"]}))
    assert isinstance(user_error(caught.value), UserError)
    assert list(tmp_path.iterdir()) == []


def test_the_catalog_makes_it_and_shows_no_rows_of_it(tmp_path):
    (tmp_path / "posts.csv").write_text(POSTS)
    entry = {"type": "psy_agents.datasets.raw_table.RawTableDataset", "filepath": str(tmp_path / "posts.csv")}
    catalog = DataCatalog.from_config({"posts_raw": entry | {"metadata": {"kedro-viz": {"layer": "01_raw"}}}})
    assert catalog.exists("posts_raw")
    assert len(catalog.load("posts_raw")) == 2
    made = catalog.get("posts_raw")
    assert made.metadata == {"kedro-viz": {"layer": "01_raw"}}
    assert not hasattr(made, "preview")
    assert str(made) == f"psy_agents.datasets.raw_table.RawTableDataset(filepath={made._filepath!r})"
    assert catalog.to_config()[0]["posts_raw"] == entry | {"agreement": None, "tool": None, "table": "posts"}


def test_a_file_of_a_gated_corpus_is_refused_whatever_the_catalog_says_of_it(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.kedro]\npackage_name = "p"\nproject_name = "p"\nkedro_init_version = "1"\n')
    for env, text in (("base", "corpus: open"), ("gated", "corpus: gated\nagreement: {name: Terms, url: 'https://x'}")):
        (tmp_path / "conf" / env).mkdir(parents=True)
        (tmp_path / "conf" / env / "globals.yml").write_text(text)
    for corpus in ("open", "gated"):
        (tmp_path / "data/01_raw" / corpus).mkdir(parents=True)
        (tmp_path / "data/01_raw" / corpus / "posts.csv").write_text(POSTS)
    assert len(dataset(tmp_path / "data/01_raw/open/posts.csv").load()) == 2
    (tmp_path / "link.csv").symlink_to(tmp_path / "data/01_raw/gated/posts.csv")
    for path in (tmp_path / "data/01_raw/gated/posts.csv", tmp_path / "link.csv"):
        with pytest.raises(DatasetError, match="The corpus in gated is under an agreement, 'Terms'"):
            dataset(path).load()
