"""Texts with labels, as corpora of document classification are handed out.

"hoc-tsv", BLURB's form of the Hallmarks of Cancer (Baker and others 2016): under the header `labels`,
`sentence`, `index` a sentence a line, with ten labels of 0 or 1, "0_0,1_1,...", and the id of its abstract
with the number of the sentence, "22355784_s0".

"pubmed-rct", the form of PubMed 20k RCT (Dernoncourt and Lee 2017) and NICTA-PIBOSO: a line `###PMID`, then
the sentences of an abstract, `label<tab>sentence`, and an empty line. Each sentence becomes a document.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats.unreadable import Readable
from spacy_bioner.documents.metadata import LABELS, LINE
from spacy_bioner.errors import FormatError
from spacy_bioner.files import lines_or_errors

HALLMARKS = (
    "activating invasion and metastasis",
    "avoiding immune destruction",
    "cellular energetics",
    "enabling replicative immortality",
    "evading growth suppressors",
    "genomic instability and mutation",
    "inducing angiogenesis",
    "resisting cell death",
    "sustaining proliferative signaling",
    "tumor promoting inflammation",
)
"""The ten, in alphabetical order: what BLURB's numbers stand for."""
_HOC = "labels\tsentence\tindex"
_FLAGS = re.compile(r"\d+_[01](,\d+_[01])*")


def is_hoc(head: str) -> bool:
    """Whether a file that begins so is BLURB's table of the hallmarks of cancer, by its first line."""
    return head.partition("\n")[0].rstrip("\r") == _HOC


def is_rct(head: str) -> bool:
    """Whether a file that begins so is PubMed RCT: "###" and a PMID, then lines of label and sentence."""
    return re.match(r"###\d+\r?\n[^\t\n]+\t", head) is not None


def each_hoc(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads BLURB's sentences, with the error in place of a line that isn't one."""
    for number, line in lines_or_errors(path):
        if isinstance(line, FormatError):
            yield line
            continue
        fields = line.split("\t")
        if line == _HOC or not line.strip():
            continue
        if len(fields) != 3 or not _FLAGS.fullmatch(fields[0]):
            yield FormatError(
                path, number, "not labels (0_0,1_1,...), sentence and index, with tabs between [B043]"
            )
            continue
        flags = [flag.split("_") for flag in fields[0].split(",")]
        chosen = tuple(int(place) for place, flag in flags if flag == "1")
        if chosen and max(chosen) >= len(HALLMARKS):
            yield FormatError(
                path, number, f"label {max(chosen)}, and there are {len(HALLMARKS)}, from 0 [B044]"
            )
            continue
        labels = tuple(HALLMARKS[place] for place in chosen)
        yield Document(fields[1], meta={LINE: number, LABELS: labels}, id=fields[2])


def each_rct(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads the sentences of abstracts, with the error in place of a line that isn't one."""
    abstract, place = "", 0
    for number, line in lines_or_errors(path):
        if isinstance(line, FormatError):
            yield line
        elif line.startswith("###"):
            abstract, place = line[3:].strip(), 0
        elif line.strip():
            label, tab, text = line.partition("\t")
            if not tab or not text.strip():
                yield FormatError(path, number, "not a label and a sentence, with a tab between [B045]")
                continue
            yield Document(text, meta={LINE: number, LABELS: (label,)}, id=f"{abstract}_s{place}")
            place += 1
