"""Relations that a pipeline finds, in what `annotate` writes."""

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from toy_relations import DOCUMENTS, DRUGS, GENES, to_gold, train

from spacy_bioner.annotation.annotating import annotate
from spacy_bioner.annotation.found_relations import UNRELATED, moved, with_found
from spacy_bioner.annotation.settings import Settings
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.corpora.relation_records import Argument, Related, get_relations
from spacy_bioner.documents.document import Document, Mention, Relation
from spacy_bioner.documents.formats import read
from spacy_bioner.errors import OutputError


@pytest.fixture(scope="module")
def nlp() -> Language:
    """Rules for entities, some with identifiers, and `relations` that knows the toy's by heart."""
    nlp = spacy.blank("en")
    nlp.add_pipe("relations", config={"exclusive": True})
    train(nlp, to_gold(nlp, DOCUMENTS))
    ruler = nlp.add_pipe("entity_ruler", before="relations")
    ruler.add_patterns([{"label": "Drug", "pattern": drug} for drug in DRUGS])
    ruler.add_patterns([{"label": "Gene", "pattern": gene} for gene in GENES])
    return nlp


def related(document: Document) -> set[tuple[str, str, str]]:
    """Label, head and child, each by its text."""
    texts = {m.id: document.text_of(m) for m in document.mentions}
    return {(r.type, *(texts[filler] for _, filler in r.arguments)) for r in document.relations}


EXPECTED = [{("INHIBITS", "aspirin", "COX1")}, {("ACTIVATES", "ibuprofen", "BRCA1")}, set()]


@pytest.mark.parametrize("ending", ["jsonl", "xml", "brat", "pubannotation", "spacy"])
def test_relations_are_written_and_read_back(nlp: Language, ending: str, tmp_path: Path):
    texts = tmp_path / "texts.lines"
    texts.write_text("".join(f"{document.text}\n" for document in DOCUMENTS[:3]))
    output = tmp_path / ("out" if ending == "brat" else f"out.{ending}")
    to = {"xml": "bioc-xml"}.get(ending, ending)
    annotate(nlp, [texts], output, Settings(to, source="lines"))
    if ending == "spacy":
        docs = read_docbin(output)
        found = [
            {(r.label, _text(doc, r.head), _text(doc, r.child)) for r in get_relations(doc)} for doc in docs
        ]
    else:
        found = [related(document) for document in read(output)]
    assert sorted(found, key=str) == sorted(EXPECTED, key=str)
    if ending != "spacy":
        scores = [relation.score for document in read(output) for relation in document.relations]
        assert all(score is not None and 0.5 < score <= 1 for score in scores)


def test_a_table_of_relations_comes_and_goes_with_them(nlp: Language, tmp_path: Path):
    texts, output = tmp_path / "texts.lines", tmp_path / "out.csv"
    texts.write_text("".join(f"{document.text}\n" for document in DOCUMENTS[:3]))
    annotate(nlp, [texts], output, Settings("csv", source="lines"))
    with (tmp_path / "out.relations.csv").open(encoding="utf-8-sig") as file:
        found = [(row["type"], row["head_text"], row["child_text"]) for row in csv.DictReader(file)]
    assert sorted(found) == sorted(relation for own in EXPECTED for relation in own)
    texts.write_text("nothing\n")
    annotate(nlp, [texts], output, Settings("csv", source="lines"))
    assert not (tmp_path / "out.relations.csv").exists()
    with pytest.raises(OutputError, match="would be replaced"):
        annotate(nlp, [texts.rename(tmp_path / "out.relations.csv")], output, Settings("csv", source="lines"))


def _text(doc: Any, argument: Argument) -> str:
    ((start, end),) = argument.mentions[0]
    return str(doc.text[start:end])


def test_concepts_name_identifiers_and_what_is_not_written_is_counted():
    document = Document("Lithium harms. Goitre.", mentions=(Mention(((15, 21),), "Disease"),))
    drug = Argument("Chemical", (((0, 7),),), "D1")
    goitre = Argument("Disease", (((15, 22),), ((15, 21),)), "D9")
    counts: Counter[str] = Counter()
    assert with_found(document, [Related(drug, goitre, "CID", 0.9)], counts).relations == ()
    assert counts == {UNRELATED: 1}
    whole = Document(document.text, mentions=(Mention(((0, 7),), "Chemical", score=0.8), *document.mentions))
    found = with_found(whole, [Related(drug, goitre, "CID", 0.91234)], counts)
    (relation,) = found.relations
    assert relation.arguments == (("Arg1", "D1"), ("Arg2", "D9"))
    assert relation.meta == {"score": 0.9123}
    assert [(m.identifiers, m.score) for m in found.mentions] == [(("D1",), 0.8), (("D9",), None)]


def test_concepts_of_several_pieces_are_related_once():
    """Two pieces of a text each find the relation, and the document has it already where it was added to."""
    text = "Lithium harms. Goitre. Lithium and goitre."
    places = {"D1": ((0, 7), (23, 30)), "D9": ((15, 21), (35, 41))}
    mentions = tuple(
        Mention(((start, end),), "Drug" if id == "D1" else "Disease", identifiers=(id,))
        for id, own in places.items()
        for start, end in own
    )
    pieces = [
        Related(
            Argument("Drug", ((places["D1"][n],),), "D1"),
            Argument("Disease", ((places["D9"][n],),), "D9"),
            "CID",
            score,
        )
        for n, score in enumerate((0.6, 0.9))
    ]
    found = with_found(Document(text, mentions=mentions), pieces, Counter())
    assert [(r.arguments, r.score) for r in found.relations] == [((("Arg1", "D1"), ("Arg2", "D9")), 0.9)]
    assert [m.identifiers for m in found.mentions] == [("D1",), ("D9",), ("D1",), ("D9",)]
    assert with_found(found, pieces, Counter()) == found
    gold = replace(found, relations=(Relation("CID", (("head", "D1"), ("tail", "D9"))),))
    assert with_found(gold, pieces, Counter()).relations == gold.relations


def test_a_piece_of_a_text_moves_its_relations_and_trims_them():
    head, child = Argument("A", (((0, 3),),)), Argument("B", (((3, 4),),))
    (own,) = moved([Related(head, child, "R")], "ab c", 10)
    assert (own.head.mentions, own.child.mentions) == ((((10, 12),),), (((13, 14),),))
