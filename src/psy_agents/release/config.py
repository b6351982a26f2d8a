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


class DataStatement(Schema):
    """Information on a corpus, under the headings of Bender and Friedman, "Data Statements for Natural Language
    Processing" (TACL 6, 2018). None: unknown.

    Attributes:
        curation_rationale: which texts were chosen, and why.
        language_variety: a description; the tags are in ``languages``.
        speaker_demographic: demographic of the writers.
        annotator_demographic: demographic of the annotators.
        speech_situation: when, where and for whom the texts were written.
        text_characteristics: genre, topic and structure.
        recording_quality: quality of recorded speech.
        other: further information.
        provenance: corpora that the corpus was made from.
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


class CorpusDescription(Schema):
    """Information on a corpus that people state, because it cannot be measured.

    Attributes:
        labels: who decided on the labels, and how.
        languages: BCP 47 tags, the form that the hub uses.
        safety_critical: ids of criteria whose misses may endanger somebody. The card lists their misses separately.
        statement: the texts of the data statement.
    """

    labels: str | None = None
    languages: tuple[Annotated[str, Field(pattern=LANGUAGE)], ...] = ()
    safety_critical: tuple[str, ...] = ()
    statement: DataStatement = DataStatement()


class ExportConfig(Schema):
    """``parameters_export.yml``.

    Attributes:
        formats: names of export formats, which are the names of the modules in `psy_agents.release.formats`.
        merge_adapters: whether adapters are merged into their encoders, so that the model needs no other files. Else the export holds
            the adapters, and the name, revision and checksums of their encoder.
        licence: licence of the weights, by its name on the hub. None: none has been chosen.
        environment: Kedro environment, repeated in the commands that reproduce the model.
        given: parameters of the command line, repeated in the same commands.
        corpus: name of the corpus in globals.yml.
        agreement: data agreement of the corpus, if it has one.
        corpora: name of a corpus -> its description. A corpus without an entry has no description.
    """

    formats: FormatNames = ()
    merge_adapters: bool = False
    licence: str | None = None
    environment: str
    given: dict[str, Any] = {}
    corpus: str
    agreement: Agreement | None = None
    corpora: dict[str, CorpusDescription] = {}

    @model_validator(mode="before")
    @classmethod
    def _refuse_former_onnx_parameter(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and "onnx" in values:
            raise ValueError("onnx is now one of formats: write formats: [onnx] in place of onnx: true")
        return values

    @property
    def corpus_description(self) -> CorpusDescription:
        """The description of this corpus; empty without an entry in ``corpora``."""
        return self.corpora.get(self.corpus, CorpusDescription())


class PublishConfig(Schema):
    """``parameters_publish.yml``.

    Attributes:
        repository: user/name on the hub.
        private: whether only members of the repository can see it.
        confirmed_repository: ``repository`` again, as a confirmation without a terminal.
        confirmed_agreement: name of the corpus' data agreement, as a confirmation without a terminal. It states that a person
            has read the agreement, and that it allows sharing models trained on the corpus.
    """

    repository: str | None = Field(None, pattern=REPOSITORY)
    private: bool = True
    confirmed_repository: str | None = None
    confirmed_agreement: str | None = None
