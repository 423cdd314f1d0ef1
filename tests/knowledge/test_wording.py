"""What names teach about words, and what training data link."""

from spacy_bioner.knowledge.names import key_of
from spacy_bioner.knowledge.training_memory import Memory
from spacy_bioner.knowledge.wording import learn_wording

NAMES = {
    "kidney failure": 1, "renal failure": 1, "kidney cyst": 2, "renal cyst": 2, "kidney stone": 3,
    "renal stone": 3, "atrophy": 4, "atrophy type 1": 4, "atrophy type 2": 5, "wilson disease": 6,
    "wilson": 6, "crohn disease": 7, "crohn": 7, "diabetes": 8, "gestational diabetes": 9,
}  # fmt: skip


def test_synonyms_say_which_words_matter() -> None:
    wording = learn_wording([(key_of(name), {concept}) for name, concept in NAMES.items()])

    def score(mention: str, name: str) -> float:
        return wording.difference(key_of(mention).split(), key_of(name).split()).score

    assert score("cyst", "cyst") == 0.0
    assert score("renal tumor", "kidney tumor") > score("brain tumor", "kidney tumor")
    assert score("addison", "addison disease") > score("gestational anemia", "anemia")
    assert score("type 1 ataxia", "type 2 ataxia") < score("renal ataxia", "kidney ataxia")
    assert wording.difference(["1"], ["2", "type"]).numbers == 2


def test_a_document_does_not_know_itself() -> None:
    memory = Memory()
    for text, concept in (("iron overload", 1), ("iron overload", 2), ("Iron overloads", 1)):
        memory.add(text, concept)
    key = key_of("iron overload")
    assert memory.without([]).meanings(key) == {1: 2, 2: 1}
    outside = memory.without([(key, 1), (key, 1)])
    assert outside.meanings(key) == {2: 1}
    assert outside.times(1) == 0
    assert memory.alike([key_of("iron overloaded")])[0][0][0] == key
