"""Rows of relations."""

from spacy_bioner.annotation.relation_rows import relation_rows
from spacy_bioner.documents.document import Document, Mention, Relation

MENTIONS = (
    Mention(((0, 7),), "Chemical", "1", ("D001241",)),
    Mention(((15, 21),), "Disease", "2", ("D014456",)),
    Mention(((25, 28),), "Gene", "3", ("2",)),
)


def children(head: str) -> list[str]:
    relation = Relation("Association", (("Arg1", head), ("Arg2", "2")))
    document = Document("Aspirin causes ulcers in A2M.", mentions=MENTIONS, relations=(relation,))
    return [row["child_text"] for row in relation_rows(document)]


def test_an_identifier_that_is_the_id_of_another_mention():
    assert children("D001241") == ["A2M"]
    assert children("1") == ["ulcers"]
