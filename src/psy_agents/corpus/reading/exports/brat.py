"""brat's standoff files (https://brat.nlplab.org/standoff.html): a folder or a .zip of pairs of .txt and .ann."""

from __future__ import annotations

import re
import zipfile
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from psy_agents.corpus.alignment.given import UNITS, in_characters
from psy_agents.corpus.reading.exports._base import Export
from psy_agents.corpus.reading.text_lines import file_errors
from psy_agents.errors import UserError

TOOL = "brat"
ENTITY = re.compile(r"T\d+\t(\S+) (\d{1,15} \d{1,15}(?:;\d{1,15} \d{1,15})*)\t(.*)")
OTHERS = {"R": "relations", "E": "events", "A": "attributes", "M": "attributes", "N": "normalisations", "#": "notes", "*": "relations"}
LARGEST_FILE = 2**28  # bytes, unpacked


def read(path: Path, name: str) -> Export:
    """Text-bound annotations; each part of a discontinuous one is a row. A text without its .ann was not annotated and is left out.

    The id of a post is the path of its file without the suffix. Attributes are counted and not read: a
    negated label counts as shown.
    """
    export = Export(name, TOOL)
    with file_errors(path, name):
        files = _zipped(path, name) if path.is_file() else _of_folder(path)
        if not path.exists():
            raise FileNotFoundError(path)
        files = {each: content for each, content in files.items() if not _is_hidden(each)}
        for number, text_name in enumerate(sorted(each for each in files if each.endswith(".txt")), 1):
            post_id = text_name.removesuffix(".txt")
            if f"{post_id}.ann" not in files:
                export.leave_out("texts without an .ann file")
                continue
            where = f"text {number} in alphabetical order"
            text = _decoded(files[text_name], export, where)
            post = export.add_post(post_id, text, where)
            lines = _decoded(files[f"{post_id}.ann"], export, where).split("\n")  # Other line ends may be in an annotation's text.
            entities = [entity for line in lines if (entity := _entity(export, line.rstrip("\r"), where))]
            for entity, spans in zip(entities, _spans(export, text, entities, where), strict=True):
                for start, end in spans:
                    export.add_label(post, entity[1], where, span=(start, end), sentence=text[start:end])
    return export.finished()


def _entity(export: Export, line: str, where: str) -> re.Match[str] | None:
    """The text-bound annotation of a line; None for another one."""
    if line[:1] in OTHERS:
        export.leave_out(OTHERS[line[0]])
        return None
    if not line.strip():
        return None
    entity = ENTITY.fullmatch(line)
    if entity is None:
        export.refuse(where, "its .ann has a line that is no standoff annotation")
    return entity


def _spans(export: Export, text: str, entities: list[re.Match[str]], where: str) -> list[list[tuple[int, int]]]:
    """The parts of each annotation, in characters: the offsets of a file are in the first unit in which they cut out all its texts."""
    for unit in UNITS:
        found = [[in_characters(text, *map(int, part.split()), unit) for part in entity[2].split(";")] for entity in entities]
        cuts = [" ".join(text[slice(*span)] for span in spans if span) for spans in found]
        if not any(None in spans for spans in found) and all(
            cut.split() == entity[3].split() for cut, entity in zip(cuts, entities, strict=True)
        ):
            return found
    export.refuse(where, "an annotation's text is not what its offsets cut out of the .txt")


def _is_hidden(name: str) -> bool:
    """True for files of the system, such as those that macOS packs beside each."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _of_folder(path: Path) -> dict[str, Path]:
    return {file.relative_to(path).as_posix(): file for file in sorted(path.rglob("*")) if file.is_file()}


def _zipped(path: Path, name: str) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            wanted = [each for each in archive.infolist() if each.filename.endswith((".txt", ".ann"))]
            if sum(each.file_size for each in wanted) > LARGEST_FILE:
                raise UserError(f"{name}: the files in it have more than {LARGEST_FILE} bytes: unpack it and name the folder.")
            return {each.filename: archive.read(each) for each in wanted}
    except (zipfile.BadZipFile, RuntimeError, LZMAError, UnicodeError):  # The second: the archive is encrypted.
        raise UserError(f"{name}: the file is no zip archive that can be opened: name a folder of brat's, or a .zip of it.") from None


def _decoded(content: Path | bytes, export: Export, where: str) -> str:
    try:
        return (content if isinstance(content, bytes) else content.read_bytes()).decode("utf-8-sig")
    except UnicodeDecodeError:
        export.refuse(where, "it is not UTF-8")
