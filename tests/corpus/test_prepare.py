"""From raw tables to an accounted corpus and its splits."""

import copy
import math
import re

import pandas as pd
import pytest
from sklearn.model_selection import train_test_split
from support.project_copy import ROOT

from psy_agents.corpus.config import CorpusSettings
from psy_agents.corpus.prepare import check_account, prepare_corpus, split_corpus
from psy_agents.errors import UserError

CRITERIA = {"sleep": "Sleeps badly.", "mood": "Low mood."}
FILES = {"posts": "p.csv", "annotations": "a.csv", "criteria": "c.json"}


def corpus(n=40):
    posts = pd.DataFrame({"id": [f"p{i}" for i in range(n)], "body": [f"Day {i} was grey. I slept {i} hours." for i in range(n)]})
    rows = pd.DataFrame(
        {
            "id": [f"p{i}" for i in range(n)],
            "sentence": [f"I slept {i} hours." if i % 2 else f"Day {i} was grey." for i in range(n)],
            "label": ["sleep" if i % 2 else "mood" for i in range(n)],
            "met": [str(int(i % 4 < 2)) for i in range(n)],
        }
    )
    return posts, rows


def settings(**changes):
    columns = {
        "posts": {"post_id": "id", "text": "body", "split": changes.pop("split", None)},
        "annotations": {"post_id": "id", "sentence_text": "sentence", "criterion": "label", "status": "met"},
    }
    return CorpusSettings.model_validate({"files": FILES, "columns": columns, **changes})


def prepared(posts, rows, **changes):
    return prepare_corpus(posts, rows, CRITERIA, settings(**changes), salt="salt")


def test_columns_are_what_the_settings_call_them_and_every_row_is_accounted_for():
    posts, rows = corpus()
    rows.loc[len(rows)] = ["p0", "Day 0 was grey.", "SPECIAL_CASE", "1"]
    done = prepared(posts, rows)
    assert list(done.posts) == ["post_id", "text"]
    assert done.account["posts"] == {"in": 40, "used": 40, "set_aside": {}}
    assert done.account["annotations"] == {"in": 41, "used": 40, "set_aside": {"ignored_label": 1}}
    assert done.pairs["label"].sum() == 20
    with pytest.raises(UserError, match=r"^p\.csv: columns id, body missing"):
        prepared(posts[["body"]].rename(columns={"body": "x"}), rows)


def test_criteria_of_whole_numbers_match_as_ids_of_posts_do():
    posts, rows = corpus()
    rows["label"] = rows["label"].map({"sleep": "1.0", "mood": "02.0"})
    rows.loc[0, "label"] = "99.0"
    done = prepare_corpus(posts, rows, {"1": "Sleeps badly.", "2": "Low mood."}, settings(policies={"labels": {"99": "ignore"}}), "")
    assert done.pairs.groupby("criterion")["label"].sum().to_dict() == {"1": 10, "2": 9}
    assert done.account["annotations"]["set_aside"] == {"ignored_label": 1}


def test_reasons_of_the_alignment_and_of_the_selection_share_one_ledger():
    posts, rows = corpus()
    rows.loc[0, "sentence"] = "Nothing of the kind is written anywhere here."
    rows.loc[1, "id"] = "ghost"
    done = prepared(posts, rows, alignment={"mode": "drop"}, policies={"orphan_rows": "set_aside"})
    assert done.account["annotations"]["set_aside"] == {"not_aligned": 1, "orphan": 1}
    assert done.account["pairs"]["set_aside"] == {"evidence_not_aligned": 1}
    assert len(done.pairs) == 79


@pytest.mark.parametrize(
    "spoil",
    [
        lambda account: account["posts"]["set_aside"].update(lost=1),
        lambda account: account["annotations"].update(used=0),
        lambda account: account["alignment"]["rows"].update(exact=0),
        lambda account: account["places"].update(used=0),
        lambda account: account["pairs"].update(used=1),
        lambda account: account["pairs"]["origins"].update(positive=7),
    ],
)
def test_an_account_that_does_not_add_up_is_a_programs_error(spoil):
    account = prepared(*corpus()).account
    check_account(account, 40, 40, 40, 2)
    broken = copy.deepcopy(account)
    spoil(broken)
    with pytest.raises(RuntimeError, match="add up"):
        check_account(broken, 40, 40, 40, 2)


def test_near_duplicates_share_a_split_by_ratios_and_by_folds():
    posts, rows = corpus()
    words = " ".join(f"word{i}" for i in range(60))
    posts.loc[[2, 9, 11], "body"] = [words, f"{words} again", f"so {words}"]
    done = prepared(posts, rows)
    for method in ({"method": "ratios"}, {"method": "folds", "folds": 4, "fold": 1}):
        splits = split_corpus(done.posts, done.pairs, settings(splits=method).splits)
        assert splits.loc[[2, 9, 11], "split"].nunique() == splits.loc[[2, 9, 11], "cluster"].nunique() == 1
        assert splits["cluster"].nunique() == 38


def test_the_folds_tests_are_a_partition():
    done = prepared(*corpus())
    tests = []
    for fold in range(4):
        splits = split_corpus(done.posts, done.pairs, settings(splits={"method": "folds", "folds": 4, "fold": fold}).splits)
        tests += splits.loc[splits["split"] == "test", "post_id"].tolist()
    assert sorted(tests) == sorted(done.posts["post_id"])


def test_the_corpus_may_bring_its_own_splits_which_are_audited():
    posts, rows = corpus()
    posts["part"] = ["Train"] * 30 + [" dev "] * 5 + ["TEST"] * 5
    own = {"split": "part", "splits": {"method": "column"}}
    done = prepared(posts, rows, **own)
    splits = split_corpus(done.posts, done.pairs, settings(**own).splits)
    assert splits["split"].value_counts().to_dict() == {"train": 30, "validation": 5, "test": 5}
    posts.loc[39, "body"] = posts.loc[0, "body"].upper()
    done = prepared(posts, rows, **own)
    with pytest.raises(UserError, match="are in more than one split"):
        split_corpus(done.posts, done.pairs, settings(**own).splits)
    posts.loc[3, "part"] = "I am ill"
    with pytest.raises(UserError, match=r"p\.csv: column part names no split in 1 of 40 rows, first in row 4") as error:
        prepared(posts, rows, **own)
    assert "ill" not in str(error.value)


def test_the_recipe_for_redsm5_gives_the_authors_test_posts_and_a_split_that_is_read(tmp_path, monkeypatch):
    """The Python block of docs/how_to/redsm5.md, on posts in the order of the authors' file."""
    (recipe,) = re.findall(r"```python\n(.+?)```", (ROOT / "docs/how_to/redsm5.md").read_text(encoding="utf-8"), re.S)
    folder = tmp_path / "data/01_raw/redsm5"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for n in (1484, 40):
        posts, rows = corpus(n)
        posts.rename(columns={"id": "post_id", "body": "text"}).to_csv(folder / "redsm5_posts.csv", index=False)
        exec(recipe, {})
        made = pd.read_csv(folder / "redsm5_posts_with_split.csv")
        train, test = train_test_split(made["text"], test_size=0.2, random_state=42)  # As the authors' notebook: texts, not ids.
        assert set(made.loc[made["split"] == "test", "text"]) == set(test) and len(test) == {1484: 297, 40: 8}[n]
        assert made["split"].value_counts()["validation"] == math.ceil(len(train) / 8)
    own = {"split": "split", "splits": {"method": "column"}}
    done = prepared(made.rename(columns={"post_id": "id", "text": "body"}), rows, **own)
    splits = split_corpus(done.posts, done.pairs, settings(**own).splits).set_index("post_id")["split"]
    assert splits.to_dict() == made.set_index("post_id")["split"].to_dict()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"splits": {"train": 0.5}}, "sum to 0.8"),
        ({"splits": {"method": "folds", "folds": 3, "fold": 3}}, "from 0 to 2"),
        ({"splits": {"method": "column"}}, "go together"),
        ({"split": "part"}, "go together"),
        ({"policies": {"orphan_row": "error"}}, "orphan_row"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        settings(**changes)
