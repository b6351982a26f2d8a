"""The page of evidence as it is handed from its node to its dataset."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EvidencePage:
    """A page, and whether it holds text of posts."""

    html: str
    reveals_text: bool
