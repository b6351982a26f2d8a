"""Studies in a file or in a database whose URL is a credential."""

from __future__ import annotations

import pytest
import yaml

from psy_agents.datasets import StudyStoreDataset
from psy_agents.errors import UserError

SECRET = "s3cret"


def test_the_file_of_the_studies_is_the_default(session, project):
    assert session().load_context().catalog.load("study_store") == str(project / "data/07_model_output/studies.db")


def test_a_database_comes_from_the_credentials_and_shows_no_password(session, project):
    entry = {"type": "psy_agents.datasets.StudyStoreDataset", "credentials": "study_store"}
    (project / "conf/local/catalog.yml").write_text(yaml.safe_dump({"study_store": entry}))
    url = f"postgresql://me:{SECRET}@host/studies"
    (project / "conf/local/credentials.yml").write_text(yaml.safe_dump({"study_store": {"url": url}}))
    dataset = session(env="local").load_context().catalog.get("study_store")
    assert dataset.load() == url
    assert SECRET not in str(dataset) + repr(dataset)


@pytest.mark.parametrize("wrong", [{}, {"filepath": "a.db", "credentials": {"url": "x"}}, {"credentials": {"uri": "x"}}])
def test_an_entry_with_missing_or_unknown_fields_is_refused(wrong):
    with pytest.raises(UserError, match="study_store"):
        StudyStoreDataset(**wrong)
