"""The errors of this package: each says what is wrong, where, and what to do about it.

A message has a code at the end of its first line, a B and three digits in brackets. The code stands where the
message is written, and docs/errors.md lists all of them with what to do. It is part of the text, so that it
goes wherever the text goes: into a traceback, a log, a table of problems.
"""

import re
import traceback
from pathlib import Path

_CODE = re.compile(r"\s*\[B\d{3}\]")


def told(error: BaseException) -> str:
    """What an error says, without its code: for a message with another code that passes it on."""
    return _CODE.sub("", str(error))


def trace(error: BaseException) -> tuple[str, ...]:
    """An error as a log may have it: its type and the places that it went through, as file:line.

    Its message isn't in it, which may have words of a text. Behind it is the error that it came from, if any.
    """
    places = (f"{frame.f_code.co_filename}:{line}" for frame, line in traceback.walk_tb(error.__traceback__))
    source = error.__cause__
    return (type(error).__name__, *places, *(() if source is None else ("from", *trace(source))))


class BionerError(Exception):
    """Anything that this package refuses to do; the command line prints it and exits with 1."""


class FormatError(BionerError):
    """A file that isn't what it should be.

    Args:
        path: the file.
        line: the number of the line, from 1; None if the whole file is meant.
        message: what is wrong with it, and what to do.
        document_id: the id of the document that it is wrong with, if that is known.
    """

    def __init__(self, path: str | Path, line: int | None, message: str, document_id: str = "") -> None:
        where = f"{path}" if line is None else f"{path}, line {line}"
        super().__init__(f"{where}: {message}")
        self.path = Path(path)
        self.line = line
        self.document_id = document_id


class OffsetsError(FormatError):
    """A file whose offsets count something that can't be told, so that none of its mentions can be used."""


class UnknownFormatError(FormatError):
    """A file in a format that can't be told."""


class OutputError(BionerError):
    """An output that can't be written where it should be."""


class TagError(BionerError):
    """A tag that its scheme doesn't have."""


class CorpusError(BionerError):
    """A corpus that the catalogue doesn't know, or that can't be had as asked."""


class EncoderError(BionerError):
    """An encoder that the catalogue doesn't know, or that isn't at hand."""


class FetchError(BionerError):
    """A download that failed, or that isn't the file it should be."""


class ConversionError(BionerError):
    """A conversion that was asked for something its input doesn't have, or that lost a mention."""


class PipelineError(BionerError):
    """A pipeline or its data that can't be trained, loaded or evaluated."""


class ComparisonError(BionerError):
    """Scores that can't be compared: of other documents, or too few."""


class ExperimentError(BionerError):
    """An experiment that can't be run as its file says, or a run of it that failed."""


class PretrainingError(BionerError):
    """A step of pretraining that can't be done with what it was given."""


class KnowledgeError(BionerError):
    """A knowledge base or its source that can't be read, or doesn't have what was asked for."""
