from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from kedro.pipeline import Pipeline, node

from psy_agents.app.checks import check_agreement
from psy_agents.corpus.agreement import RECORD, Agreement, check_confirmed, confirm, named_agreement, required_agreements
from psy_agents.errors import UserError

AGREEMENT = Agreement(name="An agreement", url="https://example.org/agreement")


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "gated"
    folder.mkdir()
    for name in ("posts.csv", "annotations.csv"):
        (folder / name).write_text(f"canary of {name}")
    return [folder / "posts.csv", folder / "annotations.csv"]


def test_without_a_confirmation_the_sentence_names_the_agreement_and_says_how_to_confirm(files):
    with pytest.raises(UserError, match=r"gated .*'An agreement' \(https://example.org/agreement\).*data_agreement="):
        check_confirmed(AGREEMENT, files[0].parent)


def test_a_confirmation_is_recorded_with_person_time_agreement_and_hashes_and_no_text(files):
    (path,) = confirm(AGREEMENT, files, "  Jane   Doe ")
    check_confirmed(AGREEMENT, files[0].parent)
    assert path == files[0].parent / RECORD
    assert "canary" not in path.read_text()
    (entry,) = json.loads(path.read_text())["confirmations"]
    age = datetime.now(UTC) - datetime.fromisoformat(entry.pop("confirmed_at"))
    assert timedelta(0) <= age < timedelta(minutes=5)
    assert entry == {
        "agreement": {"name": "An agreement", "url": "https://example.org/agreement"},
        "confirmed_by": "Jane Doe",
        "files": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
    }


def test_a_second_person_is_added_and_the_same_one_is_not(files):
    confirm(AGREEMENT, files, "Jane Doe")
    assert confirm(AGREEMENT, files, "Jane Doe") == []
    confirm(AGREEMENT, files, "Zoë Åström")
    entries = json.loads((files[0].parent / RECORD).read_text(encoding="utf-8"))["confirmations"]
    assert [entry["confirmed_by"] for entry in entries] == ["Jane Doe", "Zoë Åström"]


def test_another_agreement_needs_its_own_confirmation(files):
    confirm(AGREEMENT, files, "Jane Doe")
    newer = Agreement(name="An agreement, version 2", url=AGREEMENT.url)
    with pytest.raises(UserError, match="version 2"):
        check_confirmed(newer, files[0].parent)
    confirm(newer, files, "Jane Doe")
    check_confirmed(newer, files[0].parent)
    check_confirmed(AGREEMENT, files[0].parent)


def test_changed_files_need_no_new_confirmation(files):
    confirm(AGREEMENT, files, "Jane Doe")
    files[0].write_text("more posts")
    check_confirmed(AGREEMENT, files[0].parent)


def test_files_of_two_folders_have_a_record_in_each(files, tmp_path):
    other = tmp_path / "other" / "posts.csv"
    other.parent.mkdir()
    other.write_text("posts")
    assert len(confirm(AGREEMENT, [*files, other], "Jane Doe")) == 2
    for folder, names in ((files[0].parent, {"posts.csv", "annotations.csv"}), (other.parent, {"posts.csv"})):
        check_confirmed(AGREEMENT, folder)
        assert set(json.loads((folder / RECORD).read_text())["confirmations"][0]["files"]) == names


def test_a_file_that_is_a_link_to_itself_belongs_to_its_corpus_and_is_refused_in_one_sentence(files, tmp_path):
    (tmp_path / "conf/gated").mkdir(parents=True)
    (tmp_path / "conf/gated/globals.yml").write_text("corpus: gated\nagreement: {name: Terms, url: 'https://x'}")
    folder = tmp_path / "data/01_raw/gated"
    folder.mkdir(parents=True)
    loop = folder / "posts.csv"
    loop.symlink_to("posts.csv")
    terms = Agreement(name="Terms", url="https://x")
    assert required_agreements(loop, tmp_path) == {folder: terms}
    chosen, entry = Pipeline([node(len, "posts", "size")]), {"filepath": "data/01_raw/gated/posts.csv", "agreement": None}
    with pytest.raises(UserError, match=r"gated/posts\.csv cannot be read \(Too many levels of symbolic links\)"):
        check_agreement(chosen, None, {"posts": entry}, tmp_path, "Jane Doe")()
    assert list(folder.iterdir()) == [loop]


@pytest.mark.parametrize("person", ["", "  ", "3", "-"])
def test_a_confirmation_needs_a_name(files, person):
    with pytest.raises(UserError, match="give the name of the person"):
        confirm(AGREEMENT, files, person)
    assert not (files[0].parent / RECORD).exists()


def test_nothing_is_recorded_for_a_file_that_is_not_there(files):
    files[1].unlink()
    with pytest.raises(UserError, match=r"gated/annotations\.csv is missing"):
        confirm(AGREEMENT, files, "Jane Doe")
    assert not (files[0].parent / RECORD).exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"confirmations": [{"confirmed_by": "canary"}]}'])
def test_a_damaged_record_confirms_nothing_and_is_not_overwritten(files, content):
    path = files[0].parent / RECORD
    path.write_bytes(content)
    for attempt in (lambda: check_confirmed(AGREEMENT, path.parent), lambda: confirm(AGREEMENT, files, "Jane Doe")):
        with pytest.raises(UserError, match=r"gated/data_agreement\.json is damaged") as caught:
            attempt()
        assert "canary" not in str(caught.value)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"name": "x"}, "agreement.url"),
        ({"name": "", "url": "u"}, "agreement.name"),
        ({"nmae": "x"}, "agreement"),
        (3, "agreement"),
    ],
)
def test_an_agreement_that_is_not_a_name_and_a_url_is_refused(values, place):
    with pytest.raises(UserError, match=rf"^conf: globals\.yml: {place}"):
        named_agreement(values)
