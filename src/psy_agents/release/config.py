"""Configuration of the pipelines export and publish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from psy_agents.corpus.agreement import Agreement
from psy_agents.files.schema import Schema
from psy_agents.release.export_format import FormatNames

LANGUAGE = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
REPOSITORY = r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$"


class Statement(Schema):
    """What is known of a corpus, under the headings of Bender and Friedman, "Data Statements for Natural Language
    Processing" (TACL 6, 2018); None: nothing is known.

    Attributes:
        curation_rationale: which texts were chosen, and why.
        language_variety: in words, beside the tags of ``languages``.
        speaker_demographic: of those who wrote the texts.
        annotator_demographic: of those who labelled them.
        speech_situation: when, where and for whom they were written.
        text_characteristics: genre, topic and structure.
        recording_quality: of recorded speech.
        other: whatever else there is to know.
        provenance: of which corpora it was made.
    """

    curation_rationale: str | None = None
    language_variety: str | None = None
    speaker_demographic: str | None = None
    annotator_demographic: str | None = None
    speech_situation: str | None = None
    text_characteristics: str | None = None
    recording_quality: str | None = None
    other: str | None = None
    provenance: str | None = None


class CorpusFacts(Schema):
    """Facts about a corpus that cannot be measured.

    Attributes:
        labels: who decided on the labels, and how.
        languages: BCP 47 tags, as the hub takes them.
        safety_critical: ids of criteria whose misses may endanger somebody; the card tells them apart.
    """

    labels: str | None = None
    languages: tuple[Annotated[str, Field(pattern=LANGUAGE)], ...] = ()
    safety_critical: tuple[str, ...] = ()
    statement: Statement = Statement()


class ExportConfig(Schema):
    """``parameters_export.yml``.

    Attributes:
        formats: further formats to write, by the names of the files in `psy_agents.release.formats`.
        licence: of the weights, by the hub's name for it; None: not chosen.
        environment: of the configuration, for the commands to reproduce.
        given: the parameters of the command line, for the same.
        corpus: its name in globals.yml.
        agreement: under which the corpus is, if it is under one.
        corpora: by the name that ``corpus`` has in globals.yml; nothing is known of one that is not there.
    """

    formats: FormatNames = ()
    licence: str | None = None
    environment: str
    given: dict[str, Any] = {}
    corpus: str
    agreement: Agreement | None = None
    corpora: dict[str, CorpusFacts] = {}

    @model_validator(mode="before")
    @classmethod
    def _onnx_is_a_format(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and "onnx" in values:
            raise ValueError("onnx is now one of formats: write formats: [onnx] in place of onnx: true")
        return values

    @property
    def facts(self) -> CorpusFacts:
        """Of the corpus at hand."""
        return self.corpora.get(self.corpus, CorpusFacts())


class PublishConfig(Schema):
    """``parameters_publish.yml``.

    Attributes:
        repository: user/name on the hub.
        private: whether only its members see it.
        confirmed_repository: the same once more, where no terminal can be asked.
        confirmed_agreement: name of the corpus' data agreement, by someone who has read that it allows to share models
            trained on it, where no terminal can be asked.
    """

    repository: str | None = Field(None, pattern=REPOSITORY)
    private: bool = True
    confirmed_repository: str | None = None
    confirmed_agreement: str | None = None
