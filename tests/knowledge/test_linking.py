"""What mentions are linked to where answers are known: shared identifiers, short forms."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from spacy_bioner.knowledge.building import write_base
from spacy_bioner.knowledge.concepts import Concept, Name
from spacy_bioner.knowledge.features import FEATURES, Choices
from spacy_bioner.knowledge.knowledge_base import KnowledgeBase
from spacy_bioner.knowledge.linking import Linking
from spacy_bioner.knowledge.linking_learning import train_linking
from spacy_bioner.knowledge.mentions import Query
from spacy_bioner.knowledge.ranking import UNTRAINED

Make = Callable[[Iterable[Concept]], KnowledgeBase]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(concepts: Iterable[Concept]) -> KnowledgeBase:
        write_base(list(concepts), tmp_path / "some.kb")
        return KnowledgeBase.open(tmp_path / "some.kb")

    return made


def concept(id: str, *names: str, ids: tuple[str, ...] = (), parents: tuple[str, ...] = ()) -> Concept:
    texts = (Name(names[0], "name"), *map(Name, names[1:]))
    return Concept(id, texts, ids, parents)


SHARED = (
    concept("DOID:1", "familial retinoblastoma", "retinoblastoma", ids=("MESH:D1",), parents=("DOID:2",)),
    concept("DOID:2", "retinoblastoma", "Rb tumor", ids=("MESH:D1", "OMIM:1")),
    concept("DOID:3", "retinal disease", "retinoblastomas of mice", ids=("MESH:D2",)),
)


def test_concepts_of_one_identifier_do_not_split_its_probability(make: Make) -> None:
    base = make(SHARED)
    query = Query("retinoblastoma", "retinoblastoma")
    [apart] = Linking(base).link([query])
    [shared] = Linking(base, threshold=0.9, vocabularies=("MESH",)).link([query])
    [lacking] = Linking(base, threshold=0.9, vocabularies=("OMIM",)).link([query])
    own = dict(apart.candidates)
    assert max(own.values()) < 0.9
    assert [base.ids[c] for c in shared.concepts] == ["DOID:2"]  # whose label it is
    assert shared.score == pytest.approx(own[0] + own[1])
    assert dict(shared.candidates)[2] == own[2]
    assert lacking.concepts == ()  # no other concept has its identifier there


def test_an_identifier_wins_by_its_sum_and_its_label_leads(make: Make) -> None:
    """Made-up probabilities: two of 0.3 that share an identifier are more than one of 0.39."""
    linking = Linking(make(SHARED), vocabularies=("MESH",))
    values = numpy.zeros((3, len(FEATURES)))
    values[1, FEATURES.index("same words as the label")] = 1
    weight = numpy.zeros(len(FEATURES))
    weight[0] = 1.0
    values[:, 0] = numpy.log([0.31, 0.29, 0.39])
    linking.ranker = replace(UNTRAINED, weights=weight, nothing=float(numpy.log(0.01)))
    order, probabilities = linking.rank(Choices((0, 1, 2), values))
    assert order.tolist() == [1, 0, 2]
    assert probabilities.tolist() == pytest.approx([0.6, 0.6, 0.39])


def test_training_data_say_which_identifiers_are_asked_for_and_what_they_mean(make: Make) -> None:
    base = make(SHARED)
    train = [(Query("eye growth", "eye growth", document), ("MESH:D1",)) for document in range(10)]
    linking = train_linking(base, train)
    assert linking.vocabularies == ("MESH",)
    assert linking.seen.meanings == {"eye growth": {1: 8}}  # the concept above the other one
    [link] = linking.link([Query("eye growth", "eye growth")])
    assert [base.ids[c] for c in link.concepts] == ["DOID:2"]
    again = Linking.from_json(base, linking.to_json())
    assert again.link([Query("eye growth", "eye growth")]) == [link]


def test_of_a_mention_with_an_unknown_part_nothing_is_remembered(make: Make) -> None:
    train = [(Query("both", "both", n), ("MESH:D1", "MESH:unknown")) for n in range(10)]
    assert not train_linking(make(SHARED), train).seen.meanings


def test_a_short_form_means_what_its_long_form_does(make: Make) -> None:
    """Alone they have different answers: the short form is a name of another concept, too."""
    base = make([concept("D:1", "multiple sclerosis"), concept("D:2", "mitral stenosis", "MS")])
    weights = numpy.array([{"cosine": 5.0, "same words as written": 6.0}.get(n, 0.0) for n in FEATURES])
    linking = Linking(base, replace(UNTRAINED, weights=weights, nothing=1.0))
    long = Query("multiple sclerosis", "multiple sclerosis")
    short = Query("MS", "multiple sclerosis")
    apart = linking.link([long, replace(short, document=1)])
    assert [base.ids[link.concepts[0]] for link in apart] == ["D:1", "D:2"]
    together = linking.link([short, long, replace(short, document=1)])
    assert [base.ids[link.concepts[0]] for link in together] == ["D:1", "D:1", "D:2"]
