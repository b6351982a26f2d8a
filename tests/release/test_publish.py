"""Nothing is sent to the hub before it was confirmed by name, and of a corpus under an agreement before that was confirmed too."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from huggingface_hub.errors import OfflineModeIsEnabled
from pydantic import ValidationError
from support.small_export import AGREEMENT, CONFIG

from psy_agents.errors import UserError
from psy_agents.files.checksums import file_names
from psy_agents.release.config import PublishConfig
from psy_agents.release.export_folder import exported_folder
from psy_agents.release.publish import publish

NAME = "somebody/meadow-criteria"


@dataclass
class Hub:
    """Stands in for the hub's client: keeps what it is asked, and how each repository can be seen."""

    there: dict[str, bool] = field(default_factory=dict)
    calls: list[tuple[str, dict]] = field(default_factory=list)
    made: int = 0
    fails: Exception | None = None

    def __call__(self) -> Hub:
        self.made += 1
        return self

    def create_repo(self, repo_id, **given):
        self.calls.append(("create_repo", {"repo_id": repo_id, **given}))
        self.there.setdefault(repo_id, given["private"])

    def model_info(self, repo_id):
        self.calls.append(("model_info", {"repo_id": repo_id}))
        return SimpleNamespace(private=self.there[repo_id])

    def upload_folder(self, **given):
        if self.fails is not None:
            raise self.fails
        self.calls.append(("upload_folder", given))
        return SimpleNamespace(commit_url=f"https://hub.invalid/{given['repo_id']}/commit/1")

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


class Person:
    """Answers each question in turn, and keeps what was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), []

    def __call__(self, question: str) -> str:
        self.asked.append(question)
        return self.answers.pop(0)


@pytest.fixture
def exported(trained):
    """An exported folder, of a corpus under an agreement or of one without."""
    made, opened = trained("criteria"), []

    def export(agreement=None):
        config = CONFIG.model_copy(update={"agreement": agreement and CONFIG.agreement})
        opened.append(exported_folder(made.facts(config), made.model))
        return opened[-1].__enter__()

    yield export
    for each in opened:
        each.__exit__(None, None, None)


def config(**given) -> PublishConfig:
    return PublishConfig(**{"repository": NAME, **given})


def test_a_person_who_types_the_name_uploads_every_file_into_a_private_repository(exported):
    hub, person, folder = Hub(), Person(NAME), exported()
    assert publish(folder, config(), hub, person) == f"https://hub.invalid/{NAME}/commit/1"
    assert hub.names == ["create_repo", "model_info", "upload_folder"]
    assert hub.calls[0][1] == {"repo_id": NAME, "repo_type": "model", "private": True, "exist_ok": True}
    assert hub.calls[2][1]["allow_patterns"] == file_names(folder) and hub.calls[2][1]["folder_path"] == folder
    (question,) = person.asked
    for fact in (NAME, "private", "heads.safetensors", "README.md", "cc-by-4.0", "memorise", "names no data agreement"):
        assert fact in question
    assert "agent.json names a folder of this machine, /" in question, "the encoder was a local one"


@pytest.mark.parametrize("answer", ["no", "", "yes", "somebody/else"])
def test_any_other_answer_calls_nothing(exported, answer):
    hub = Hub()
    with pytest.raises(UserError, match="Nothing was published: it was not confirmed"):
        publish(exported(), config(), hub, Person(answer))
    assert (hub.made, hub.calls) == (0, [])


def test_a_terminal_that_is_closed_instead_of_answering_calls_nothing(exported):
    def closed(_: str) -> str:
        raise EOFError

    hub = Hub()
    with pytest.raises(UserError, match="it was not confirmed"):
        publish(exported(), config(), hub, closed)
    assert hub.made == 0


def test_without_a_terminal_the_name_has_to_be_repeated(exported):
    hub, folder = Hub(), exported()
    with pytest.raises(UserError, match=rf'no terminal to ask. Read this and confirm .* --params "publish\.confirmed_repository={NAME}"'):
        publish(folder, config(), hub, None)
    with pytest.raises(UserError, match="publish.confirmed_repository=somebody/other is not"):
        publish(folder, config(confirmed_repository="somebody/other"), hub, None)
    assert hub.made == 0
    publish(folder, config(confirmed_repository=NAME), hub, None)
    assert hub.names[-1] == "upload_folder"


def test_under_an_agreement_its_name_must_be_confirmed(exported):
    hub, folder, name = Hub(), exported(AGREEMENT), AGREEMENT["name"]
    person = Person(NAME, "yes")
    with pytest.raises(UserError, match="it was not confirmed"):
        publish(folder, config(), hub, person)
    assert "may forbid sharing models" in person.asked[0] and AGREEMENT["url"] in person.asked[1]
    with pytest.raises(UserError, match=f"publish.confirmed_agreement={name}"):
        publish(folder, config(confirmed_repository=NAME), hub, None)
    assert hub.made == 0
    publish(folder, config(), hub, Person(NAME, name))
    publish(folder, config(confirmed_repository=NAME, confirmed_agreement=name), hub, None)
    assert hub.names.count("upload_folder") == 2


def test_an_existing_public_repository_gets_nothing_unless_requested(exported):
    hub, folder = Hub(there={NAME: False}), exported()
    with pytest.raises(UserError, match="exists and is public"):
        publish(folder, config(), hub, Person(NAME))
    assert "upload_folder" not in hub.names
    person = Person(NAME)
    publish(folder, config(private=False), hub, person)
    assert "PUBLIC" in person.asked[0] and hub.names[-1] == "upload_folder"


def test_only_an_unchanged_export_is_published_but_its_card_may_be_edited(exported):
    hub, folder = Hub(), exported()
    (folder / "README.md").write_text("# Ours\n", encoding="utf-8")
    publish(folder, config(), hub, Person(NAME))
    (folder / "agent.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="agent.json has changed since the export"):
        publish(folder, config(), hub, Person(NAME))
    (folder / "export.json").unlink()
    with pytest.raises(UserError, match="only the output of the pipeline export can be published"):
        publish(folder, config(), hub, Person(NAME))
    assert hub.names.count("upload_folder") == 1


def test_a_file_that_was_added_is_not_published(exported):
    hub, folder = Hub(), exported()
    (folder / "posts.csv").write_text("a post", encoding="utf-8")
    with pytest.raises(UserError, match="posts.csv has changed since the export"):
        publish(folder, config(), hub, Person(NAME))
    assert hub.made == 0


def test_what_the_hub_refuses_is_one_sentence(exported):
    with pytest.raises(UserError, match=r"failed \(OfflineModeIsEnabled\): log in with 'hf auth login', unset HF_HUB_OFFLINE"):
        publish(exported(), config(), Hub(fails=OfflineModeIsEnabled("offline")), Person(NAME))


def test_the_repository_is_required_and_its_name_checked(exported):
    with pytest.raises(UserError, match="name the repository with --params publish.repository=user/name"):
        publish(exported(), PublishConfig(), Hub(), Person())
    for wrong in ("meadow", "a/b/c", "https://huggingface.co/a/b"):
        with pytest.raises(ValidationError):
            PublishConfig(repository=wrong)
