"""What is written down of data and software."""

import hashlib
import platform
from importlib import metadata
from pathlib import Path

import pytest
from spacy.language import Language
from spacy.tokens import Doc

from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.corpora.docbin import docbin
from spacy_bioner.corpora.provenance import VERSIONED, describe_data, versions
from spacy_bioner.errors import FormatError


def write_docs(nlp: Language, path: Path, *annotations: Annotation | None) -> Path:
    docs = []
    for annotation in annotations:
        doc = Doc(nlp.vocab, words=["IL", "-", "2"])
        if annotation is not None:
            set_annotation(doc, annotation)
        docs.append(doc)
    docbin(docs).to_disk(path)
    return path


def test_data_is_known_by_name_checksum_and_corpora(nlp: Language, tmp_path: Path):
    path = write_docs(
        nlp,
        tmp_path / "train.spacy",
        Annotation("BC5CDR", ("Chemical", "Disease")),
        Annotation("BC2GM", ("GENE",)),
        Annotation("BC5CDR", ("Disease", "Symptom")),
        None,
    )
    data = describe_data(path)
    assert data.file == "train.spacy"
    assert data.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert data.docs == 4
    assert data.corpora == {"BC5CDR": ("Chemical", "Disease", "Symptom"), "BC2GM": ("GENE",)}


def test_meta_of_data_holds_nothing_of_this_machine(nlp: Language, tmp_path: Path):
    path = write_docs(nlp, tmp_path / "train.spacy", Annotation("BC2GM", ("GENE",)))
    data = describe_data(path)
    assert data.to_meta() == {
        "file": "train.spacy",
        "sha256": data.sha256,
        "docs": 1,
        "corpora": {"BC2GM": ["GENE"]},
    }


def test_data_without_annotations(nlp: Language, tmp_path: Path):
    assert describe_data(write_docs(nlp, tmp_path / "dev.spacy", None)).corpora == {}


def test_what_is_not_a_spacy_file_is_refused(tmp_path: Path):
    path = tmp_path / "train.spacy"
    path.write_text("Aspirin\tO\n")
    with pytest.raises(FormatError, match=r"train\.spacy: not a \.spacy file"):
        describe_data(path)


def test_versions_are_those_installed():
    found = versions()
    assert found.pop("python") == platform.python_version()
    assert found == {name: metadata.version(name) for name in VERSIONED}
    assert {"spacy-bioner", "spacy", "torch", "transformers"} <= set(found)
