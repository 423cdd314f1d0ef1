"""What recall is made of, against the definitions of Kim and Kang 2022; and thresholds."""

import re
import string
from pathlib import Path

import pytest

from spacy_bioner.documents.document import Mention
from spacy_bioner.evaluation.gold import Gold
from spacy_bioner.evaluation.matching import judge
from spacy_bioner.evaluation.pipeline_evaluation import Compared
from spacy_bioner.evaluation.probabilities import at_precision, calibration_interval, curves
from spacy_bioner.evaluation.strata import MEMORISED, NEW, SYNONYM, diagnostics, seen_in, strata


def gold(text: str, *names: tuple[str, str]) -> Gold:
    """A text with mentions: their texts and identifiers."""
    mentions = tuple(
        Mention(((text.index(name), text.index(name) + len(name)),), "Disease", identifiers=(identifier,))
        for name, identifier in names
    )
    return Gold(text, mentions)


def compared(text: Gold, *found: str, score: float | None = None) -> Compared:
    places = [(text.text.index(name), text.text.index(name) + len(name)) for name in found]
    predicted = [Mention((place,), "Disease", score=score) for place in places]
    return Compared(text, judge(text.mentions, predicted))


def groups(parts: list[Compared], training: list[Gold]) -> dict[tuple[str, str], tuple[int, int]]:
    return {(s.by, s.group): (s.found, s.gold) for s in strata(parts, seen_in(training))}


def test_memorised_synonym_and_new():
    training = [gold("breast-cancer and WD", ("breast-cancer", "D001"), ("WD", "D002|D003"))]
    test = gold(
        "Breast  cancer, mammary tumour, Wilson disease, rare syndrome",
        ("Breast  cancer", "D009"),  # the same name, whatever it refers to
        ("mammary tumour", "MESH:D001"),
        ("Wilson disease", "D003+D010"),
        ("rare syndrome", "D010"),
    )
    counted = groups([compared(test, "mammary tumour", "rare syndrome")], training)
    assert counted["training", MEMORISED] == (0, 1)
    assert counted["training", SYNONYM] == (1, 2)
    assert counted["training", NEW] == (1, 1)
    assert counted["times in training", "1"] == (0, 1)
    assert counted["times in training", "0"] == (2, 3)
    assert counted["words", "2"] == (2, 4)


def test_without_identifiers_by_text_alone():
    plain = Gold("gout", (Mention(((0, 4),), "Disease"),))
    counted = groups([compared(plain)], [gold("asthma", ("asthma", "D1"))])
    assert counted["training", "not in training"] == (0, 1)


def test_forms():
    text = gold(
        "Wilson disease (WD) and naïve gout", ("Wilson disease", "1"), ("WD", "1"), ("naïve gout", "2")
    )
    counted = groups([compared(text, "WD")], [])
    assert counted["form", "abbreviation"] == (1, 1)
    assert counted["form", "followed by its abbreviation"] == (0, 1)
    assert counted["characters", "others too"] == (0, 1)


def test_diagnostics():
    found = diagnostics([gold("gout or gout or asthma", ("asthma", "1")), gold("asthma gout", ("gout", "2"))])
    assert (found["documents"], found["words"], found["mentions"]) == (2, 7, 2)
    assert found["share of names mentioned once"] == 1.0
    assert found["share of names mostly no mention"] == 0.5  # gout: once of three times


def test_sizes_on_ncbi_disease_are_those_of_the_definitions(corpora: Path):
    """Counted here from the files' lines, without the package's readers."""

    def mentions(name: str) -> list[tuple[str, set[str]]]:
        lines = (corpora / "pubtator" / "NCBI-disease" / name).read_text(encoding="utf8").splitlines()
        rows = [line.split("\t") for line in lines if line.count("\t") >= 5]
        marks = re.escape(string.punctuation)
        names = [re.sub(rf"[\s{marks}]+", " ", row[3].lower()).strip() for row in rows]
        return [(name, set(re.split(r"[|+]", row[5]))) for name, row in zip(names, rows, strict=True)]

    training, test = mentions("NCBIdisease_TrainDev.PubTator"), mentions("NCBIdisease_Test.PubTator")
    names = {name for name, _ in training}
    known = {identifier for _, identifiers in training for identifier in identifiers}
    memorised = [row for row in test if row[0] in names]
    synonyms = [row for row in test if row[0] not in names and row[1] & known]
    expected = {MEMORISED: len(memorised), SYNONYM: len(synonyms)}
    expected[NEW] = len(test) - sum(expected.values())

    from spacy.vocab import Vocab

    from spacy_bioner.evaluation.gold import read_gold

    folder = corpora / "pubtator" / "NCBI-disease"
    files = [
        read_gold(folder / f"NCBIdisease_{split}.PubTator", Vocab(), renamed={"*": "Disease"}).golds
        for split in ("TrainDev", "Test")
    ]
    found = groups([compared(text) for text in files[1]], files[0])
    assert {group: found["training", group][1] for group in expected} == expected
    assert sum(expected.values()) == 960


def test_thresholds():
    text = gold("one two three four", ("one", "1"), ("two", "2"), ("three", "3"))
    probabilities = {"one": 0.9, "four": 0.8, "two": 0.7}
    parts = []
    for name, score in probabilities.items():
        mention = Mention(
            ((text.text.index(name), text.text.index(name) + len(name)),), "Disease", score=score
        )
        parts.append(mention)
    result = [Compared(text, judge(text.mentions, parts))]
    curve = curves(result)["Disease"]
    assert [(p.threshold, p.kept) for p in curve] == [(0.9, 1), (0.8, 2), (0.7, 3)]
    point = at_precision(curve, 0.6)
    assert point is not None
    assert (point.threshold, point.precision, point.recall) == (
        0.7,
        pytest.approx(2 / 3),
        pytest.approx(2 / 3),
    )
    assert at_precision(curve, 1.0) == curve[0]
    low, high = calibration_interval(result * 5) or (0.0, 0.0)
    assert 0 < low <= high < 1
    assert calibration_interval([compared(text, "one")]) is None
    assert curves([compared(text, "one")]) == {}
