"""The first step of pretraining: clean text, without duplicates and without test sentences."""

import csv
import lzma
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from spacy_bioner.errors import FormatError, PretrainingError
from spacy_bioner.files import Outputs, sha256, write_json
from spacy_bioner.pretraining.cleaning import clean
from spacy_bioner.pretraining.overlap import Overlap, words_of
from spacy_bioner.pretraining.text_files import (
    TEXT,
    check_output,
    read_documents,
    text_files,
    write_documents,
)

HELD_OUT = "held-out"
SOURCES = ("SOURCES.tsv", "SOURCES.tsv.xz")


@dataclass(slots=True)
class TextTally:
    """What the first step read, kept and took out.

    Attributes:
        rules: how often each rule of cleaning was applied or dropped a paragraph; "duplicates" too.
        overlap: the paragraphs taken out because of a labelled corpus's split.
        documents, paragraphs, words: what is left, held-out documents included.
    """

    rules: Counter[str] = field(default_factory=Counter)
    overlap: Counter[tuple[str, str]] = field(default_factory=Counter)
    documents: int = 0
    paragraphs: int = 0
    words: int = 0


def prepare_text(
    inputs: list[Path], output: Path, overlap: Overlap, held_out: float = 0.005, seed: int = 1
) -> dict[str, Any]:
    """Cleans text, drops what is in it twice or in a labelled corpus, and holds some documents out.

    Args:
        inputs: files of text (a paragraph a line, an empty line between documents; plain or xz), or folders
            of them. A SOURCES.tsv(.xz) beside them, with columns source_repo, licence and words, says where
            each document is from; it is summed up in the manifest.
        output: the folder to make: a part for each file, held-out.txt.xz, and text.json, the manifest.
        overlap: the sentences that must not be in the text. A paragraph with one of them is taken out.
        held_out: the share of the documents that is kept for evaluation. Which, depends on their text and
            the seed alone.
        seed: the seed.

    Returns:
        The manifest.

    Raises:
        FormatError: if an input isn't there or isn't such text.
        PretrainingError: if two inputs have the same name, the output holds something else, the share isn't
            from 0 to under 1, or nothing is left of the text.
    """
    if not 0 <= held_out < 1:
        raise PretrainingError(f"A share of {held_out} can't be held out: give one from 0 to under 1. [B493]")
    files = text_files(inputs)
    if HELD_OUT in files:
        raise PretrainingError(f"{files[HELD_OUT]}: '{HELD_OUT}' is the name of an output: rename it. [B494]")
    check_output(output, TEXT)
    sources = _sources([path if path.is_dir() else path.parent for path in inputs])
    tally = TextTally()
    seen: set[bytes] = set()
    kept_apart: list[list[str]] = []
    parts = []
    with Outputs() as outputs:
        folder = outputs.temporary(output, folder=True)
        folder.mkdir()

        def training_documents(path: Path) -> Iterator[list[str]]:
            for document in read_documents(path):
                chosen = _chance("\n".join(document), seed) < held_out
                paragraphs = _kept(document, overlap, seen, tally)
                if not paragraphs:
                    continue
                tally.documents += 1
                tally.paragraphs += len(paragraphs)
                tally.words += sum(len(paragraph.split()) for paragraph in paragraphs)
                if chosen:
                    kept_apart.append(paragraphs)
                else:
                    yield paragraphs

        for name, path in files.items():
            part = folder / f"{name}.txt.xz"
            write_documents(part, training_documents(path))
            parts.append({"file": part.name, "sha256": sha256(part), "source_sha256": sha256(path)})
        write_documents(folder / f"{HELD_OUT}.txt.xz", kept_apart)
        if not tally.documents:
            raise PretrainingError(f"Nothing is left of the text: {dict(tally.rules)}. [B495]")
        manifest = {
            "format": 1,
            "seed": seed,
            "documents": tally.documents,
            "paragraphs": tally.paragraphs,
            "words": tally.words,
            "parts": parts,
            "held_out": {
                "file": f"{HELD_OUT}.txt.xz",
                "sha256": sha256(folder / f"{HELD_OUT}.txt.xz"),
                "documents": len(kept_apart),
                "share": held_out,
            },
            "rules": dict(sorted(tally.rules.items())),
            "overlap": [
                {"corpus": key[0], "split": key[1], "sentences": count, "removed": tally.overlap[key]}
                for key, count in sorted(overlap.sentences.items())
            ],
            "sources": sources,
        }
        write_json(folder / TEXT, manifest)
    return manifest


def _kept(document: list[str], overlap: Overlap, seen: set[bytes], tally: TextTally) -> list[str]:
    """The paragraphs of a document that stay, mended."""
    kept = []
    for paragraph in document:
        text = clean(paragraph, tally.rules)
        if not text:
            continue
        words = words_of(text)
        digest = blake2b(" ".join(words).encode("utf8"), digest_size=8).digest()
        if digest in seen:
            tally.rules["duplicates"] += 1
            continue
        seen.add(digest)
        if found := overlap.find(words):
            tally.rules["overlap"] += 1
            tally.overlap.update(found)
            continue
        kept.append(text)
    return kept


def _chance(text: str, seed: int) -> float:
    """A number from 0 to under 1 that a text draws, the same wherever it stands."""
    digest = blake2b(text.encode("utf8"), digest_size=7, salt=str(seed).encode()[:16]).digest()
    return int.from_bytes(digest, "big") / (1 << 56)


def _sources(folders: list[Path]) -> list[dict[str, Any]]:
    """What SOURCES.tsv(.xz) in some folders says, summed up by repository and licence.

    Raises:
        FormatError: if it lacks a column or a number of words isn't one.
    """
    documents: Counter[tuple[str, str]] = Counter()
    words: Counter[tuple[str, str]] = Counter()
    for path in dict.fromkeys(folder / name for folder in folders for name in SOURCES):
        if not path.is_file():
            continue
        opener = lzma.open if path.suffix == ".xz" else open
        with opener(path, "rt", encoding="utf8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE), 2):
                try:
                    key = row["source_repo"], row["licence"]
                    words[key] += int(row["words"])
                except (KeyError, ValueError, TypeError):
                    message = "columns source_repo, licence and words (a number) are needed [B563]"
                    raise FormatError(path, number, message) from None
                documents[key] += 1
    return [
        {"source": source, "licence": licence, "documents": documents[source, licence], "words": count}
        for (source, licence), count in words.most_common()
    ]
