"""The shipped pipeline, from its folder in this repository."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from spacy.language import Language

import spacy_bioner

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pipelines" / "en_bioner_sm"


@pytest.fixture(scope="module")
def pipeline() -> Language:
    version = srsly.read_json(PACKAGE / "meta.json")["version"]
    return spacy.load(PACKAGE / "en_bioner_sm" / f"en_bioner_sm-{version}")


def test_the_first_example_prints_what_the_readme_says(
    pipeline: Language, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    load: Callable[[str], Language] = {"en_bioner_sm": pipeline}.__getitem__
    monkeypatch.setattr(spacy, "load", load)
    readme = (ROOT / "README.md").read_text(encoding="utf8")
    found = re.search(r"```python\n(.*?)```\n\nprints\n\n```\n(.*?)```", readme, re.DOTALL)
    assert found
    names: dict[str, Any] = {}
    exec(found[1], names)
    printed = [line.strip() for line in capsys.readouterr().out.splitlines()]
    told = found[2].splitlines()
    share = re.compile(r"\b[01]\.\d\d\b")
    assert [share.sub("", line) for line in printed] == [share.sub("", line) for line in told]
    shares = [[float(part) for part in share.findall(" ".join(lines))] for lines in (printed, told)]
    assert shares[0] == pytest.approx(shares[1], abs=0.02)  # processors round differently in 16 bits


def test_a_structured_abstract_has_no_entity_in_its_headings(pipeline: Language):
    headings = (
        "BACKGROUND",
        "AIM",
        "AIMS AND OBJECTIVES",
        "PURPOSE",
        "INTRODUCTION",
        "MATERIALS AND METHODS",
        "METHODS",
        "DESIGN",
        "SETTING",
        "PATIENTS",
        "INTERVENTION",
        "MEASUREMENTS",
        "RESULTS",
        "FINDINGS",
        "CONCLUSION",
        "CONCLUSIONS",
        "DISCUSSION",
    )
    text = " ".join(f"{heading}: Metformin lowered glucose in diabetes." for heading in headings)
    doc = pipeline(text)
    taken = {span.text for span, _ in spacy_bioner.scored_spans(doc)}
    assert {"Metformin", "glucose", "diabetes"} <= taken
    assert not [entry for entry in taken if any(heading in entry for heading in headings)]


def test_sentences_of_any_kind_are_read(pipeline: Language):
    for text in ("", " ", "\n\n", "α-Synuclein", "x" * 3000, "💊 aspirin 💊", "ASPIRIN\u200b"):
        assert pipeline(text).text == text


def test_diseases_have_identifiers_and_short_forms_their_long_ones(pipeline: Language):
    doc = pipeline("Duchenne muscular dystrophy (DMD) is rare. Patients with DMD took prednisone.")
    ids = {ent.text: ent.kb_id_ for ent in doc.ents if ent.label_ == "Disease"}
    assert ids == {"Duchenne muscular dystrophy": "DOID:11723", "DMD": "DOID:11723"}


def test_concepts_that_share_an_identifier_do_not_leave_a_mention_without(pipeline: Language):
    """The base has familial retinoblastoma with the same MeSH identifier and the same synonym."""
    doc = pipeline("Children with retinoblastoma and their siblings were examined.")
    assert {ent.text: ent.kb_id_ for ent in doc.ents if ent.label_ == "Disease"} == {
        "retinoblastoma": "DOID:768"
    }


def test_its_card_has_scores_licences_and_limits():
    card = (PACKAGE / "README.md").read_text(encoding="utf8")
    for part in ("## Scores", "## Corpora", "## Limits", "CC BY 4.0", "BC5CDR", "LINNAEUS", "JNLPBA"):
        assert part in card
    meta = srsly.read_json(PACKAGE / "meta.json")
    assert meta["license"] == "CC-BY-4.0"
    assert any(requirement.startswith("spacy-bioner") for requirement in meta["requirements"])
