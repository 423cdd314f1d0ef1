"""Twenty documents with relations that are learned by heart in seconds."""

from collections.abc import Sequence

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import fix_random_seed

from spacy_bioner.corpora.annotations import Annotation
from spacy_bioner.corpora.augmentation import with_same_tokens
from spacy_bioner.corpora.conversion import Tally, to_docs
from spacy_bioner.corpora.relation_conversion import annotated_relations
from spacy_bioner.documents.document import Document, Mention, Relation

VERBS = {"inhibits": "INHIBITS", "activates": "ACTIVATES", "ignores": ""}
DRUGS = ("aspirin", "ibuprofen", "lithium", "caffeine", "codeine")
GENES = ("COX1", "COX2", "BRCA1", "TP53", "MAPK1")


def sentence(drug: str, verb: str, gene: str, id: str) -> Document:
    """Three entities; the second drug is never related."""
    text = f"{drug} {verb} {gene} in cells with nothing else but {drug}ol."
    places = [(0, len(drug)), (text.index(gene), text.index(gene) + len(gene))]
    last = text.rindex(drug)
    mentions = (
        Mention((places[0],), "Drug", "T1"),
        Mention((places[1],), "Gene", "T2"),
        Mention(((last, last + len(drug) + 2),), "Drug", "T3"),
    )
    related = (Relation(VERBS[verb], (("a", "T1"), ("b", "T2"))),) if VERBS[verb] else ()
    return Document(text, mentions=mentions, relations=related, id=id)


DOCUMENTS = [sentence(DRUGS[n % 5], list(VERBS)[n % 3], GENES[(n * 2) % 5], str(n)) for n in range(20)]


def to_gold(nlp: Language, documents: Sequence[Document], corpus: str = "toy") -> list[Doc]:
    found = annotated_relations(documents)
    types = tuple(dict.fromkeys(m.type for d in documents for m in d.mentions))
    annotation = Annotation(corpus, types, relations=found)
    return list(to_docs(documents, nlp.vocab, nlp.tokenizer, annotation, Tally()))


def examples(docs: Sequence[Doc]) -> list[Example]:
    """With gold entities."""
    made = []
    for doc in docs:
        predicted = with_same_tokens(doc)
        predicted._.arguments = doc._.arguments
        made.append(Example(predicted, doc))
    return made


def train(nlp: Language, docs: Sequence[Doc], steps: int = 60) -> None:
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: examples(docs))
    for _ in range(steps):
        nlp.update(examples(docs), sgd=optimizer)
