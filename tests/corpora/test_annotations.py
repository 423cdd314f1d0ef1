import pickle

import pytest
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_bioner.corpora.annotations import KEY, Annotation, get_annotation, mapped, set_annotation

FULL = Annotation("BC5CDR", ("Chemical", "Disease"), "227508", {"docstart": "-DOCSTART- (227508)"})


@pytest.fixture
def doc():
    return Doc(Vocab(), words=["a", "b"], sent_starts=[True, True])


@pytest.mark.parametrize("annotation", [FULL, Annotation("BC2GM", ("GENE",)), Annotation("", ())])
def test_what_is_set_is_read(doc, annotation):
    set_annotation(doc, annotation)
    assert get_annotation(doc) == annotation


def test_nothing_is_read_where_nothing_is_set(doc):
    assert get_annotation(doc) is None


def test_nothing_stays_of_what_was_set_before(doc):
    set_annotation(doc, FULL)
    set_annotation(doc, Annotation("BC2GM", ("GENE",)))
    assert get_annotation(doc) == Annotation("BC2GM", ("GENE",))


def test_only_what_there_is_takes_room(doc):
    set_annotation(doc, Annotation("BC2GM", ("GENE",)))
    assert doc.user_data == {KEY: {"corpus": "BC2GM", "types": ("GENE",)}}


@pytest.mark.parametrize(
    "carry",
    [
        lambda doc: doc.copy(),
        lambda doc: Doc(Vocab()).from_bytes(doc.to_bytes()),
        lambda doc: pickle.loads(pickle.dumps(doc)),
    ],
    ids=["copy", "bytes", "pickle"],
)
def test_carried(doc, carry):
    set_annotation(doc, FULL)
    assert get_annotation(carry(doc)) == FULL


@pytest.mark.filterwarnings("ignore:.*W102")
@pytest.mark.parametrize(
    "lose", [lambda doc: next(doc.sents).as_doc(), lambda doc: Doc.from_docs([doc, doc])]
)
def test_not_carried(doc, lose):
    """As the module says: code that takes Docs apart must set it again."""
    set_annotation(doc, FULL)
    assert get_annotation(lose(doc)) is None


@pytest.mark.parametrize(
    ("label_map", "name"),
    [
        ({}, "GENE"),
        ({"GENE": "Gene"}, "Gene"),
        ({"GENE": "Gene", "BC2GM/GENE": "Gene or protein"}, "Gene or protein"),
        ({"GENE": "Gene", "CRAFT/GENE": "no"}, "Gene"),
        ({"BC2GM": "no", "BC2GM/": "no"}, "GENE"),
    ],
)
def test_mapped(label_map, name):
    assert mapped(label_map, "BC2GM", "GENE") == name


def test_mapped_where_the_corpus_is_not_known():
    assert mapped({"GENE": "Gene"}, "", "GENE") == "Gene"
