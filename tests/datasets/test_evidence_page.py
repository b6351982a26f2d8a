"""A page with the text of posts lies where git ignores it, or is not saved."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from kedro.io import DatasetError, Version

from psy_agents.agents.registry import AGENTS
from psy_agents.datasets import EvidencePageDataset
from psy_agents.reporting.evidence_page.made_page import EvidencePage

OLDER = "2026-01-01T00.00.00.000Z"


@pytest.fixture
def repository(tmp_path):
    """A working tree of git with this project's .gitignore."""
    folder = tmp_path / "repository"
    folder.mkdir()
    shutil.copy(Path(__file__).parents[2] / ".gitignore", folder)
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder


def page_dataset(folder, private="data/private/page.html", save=None):
    version = Version(None, save)
    return EvidencePageDataset(filepath=str(folder / "data/page.html"), private={"filepath": str(folder / private)}, version=version)


def test_a_page_of_evidence_lies_where_its_text_lets_it(repository):
    dataset = page_dataset(repository, save=OLDER)
    dataset.save(EvidencePage("<p>bars", reveals_text=False))
    assert dataset.load() == "<p>bars"
    other = page_dataset(repository, save=OLDER)
    other.save(EvidencePage("<p>text", reveals_text=True))
    assert other.load() == "<p>text" and page_dataset(repository).load() == "<p>bars"
    private = f"private/page.html/{OLDER}/page.html"
    found = {path.relative_to(repository / "data").as_posix() for path in (repository / "data").rglob("*") if path.is_file()}
    assert found == {f"page.html/{OLDER}/page.html", private}
    assert (repository / "data" / private).stat().st_mode & 0o077 == 0, "nobody else reads it"


@pytest.mark.parametrize("made", [False, True])
def test_a_page_with_text_is_refused_where_git_would_commit_it(repository, made):
    if made:
        (repository / "reports").mkdir()
    dataset = page_dataset(repository, "reports/page.html", save=OLDER)
    with pytest.raises(DatasetError, match=r"would hold the text of posts, and git does not ignore it: add its folder to \.gitignore"):
        dataset.save(EvidencePage("<p>text", reveals_text=True))
    assert not list(repository.rglob("*.html"))
    (repository / ".gitignore").write_text("reports/\n")
    page_dataset(repository, "reports/page.html", save=OLDER).save(EvidencePage("<p>text", reveals_text=True))
    assert len(list(repository.rglob("*.html/*/*.html"))) == 1


def test_a_page_with_text_is_refused_where_git_does_not_run(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DatasetError, match="git is not on the PATH"):
        page_dataset(repository, save=OLDER).save(EvidencePage("<p>text", reveals_text=True))
    assert not list(repository.rglob("*.html"))


def test_a_page_with_text_may_lie_where_no_repository_is(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    page_dataset(tmp_path, save=OLDER).save(EvidencePage("<p>text", reveals_text=True))
    assert len(list(tmp_path.rglob("*.html/*/*.html"))) == 1


@pytest.mark.parametrize("env", [None, "test", "redsm5", "contract_nli"])
def test_git_ignores_the_pages_with_text_of_every_agent_in_every_environment(session, project, repository, env):
    catalog = session(env=env).load_context().catalog
    for agent in AGENTS:
        path = Path(catalog.get(f"{agent}.evidence_page")._private).relative_to(project) / OLDER / "page.html"
        assert path.parts[0] == "data" and "private" in path.parts
        assert subprocess.run(["git", "check-ignore", "--quiet", str(path)], cwd=repository).returncode == 0, path
