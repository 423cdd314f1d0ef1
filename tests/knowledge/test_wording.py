"""What names teach about words, and what training data link."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping

import numpy
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner.knowledge.name_words import number_words
from spacy_bioner.knowledge.names import key_of
from spacy_bioner.knowledge.training_memory import Memory
from spacy_bioner.knowledge.wording import PRECISION, LearnedWording, Wording
from spacy_bioner.knowledge.wording_learning import learn_wording

NAMES = {
    "kidney failure": 1, "renal failure": 1, "kidney cyst": 2, "renal cyst": 2, "kidney stone": 3,
    "renal stone": 3, "atrophy": 4, "atrophy type 1": 4, "atrophy type 2": 5, "wilson disease": 6,
    "wilson": 6, "crohn disease": 7, "crohn": 7, "diabetes": 8, "gestational diabetes": 9,
}  # fmt: skip


def learn(names: Mapping[str, set[int]]) -> tuple[dict[str, int], LearnedWording]:
    """The numbers of words, and what names teach; names are as `key_of` gives them."""
    keys = sorted(names)
    owners = [(row, concept) for row, key in enumerate(keys) for concept in names[key]]
    rows, concepts = numpy.array(owners, dtype="int32").reshape(-1, 2).T
    vocabulary = number_words(keys)
    numbers = {word: number for number, word in enumerate(vocabulary.words)}
    return numbers, learn_wording(vocabulary, rows, concepts)


def counted(names: Mapping[str, set[int]]) -> tuple[dict[str, float], dict[tuple[str, str], float]]:
    """What `learn_wording` learns, counted one by one: for words that names have more, and for pairs."""
    concepts = {tuple(key.split()): owners for key, owners in names.items()}
    rests: dict[tuple[str, ...], list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    synonyms: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for words, owners in concepts.items():
        for place, word in enumerate(words if len(words) <= 8 else ()):
            rest = (*words[:place], *words[place + 1 :])
            rests[rest].append((word, words))
            if rest in concepts:
                (synonyms if owners & concepts[rest] else others)[word] += 1
    mean = (sum(synonyms.values()) + 1) / (sum(synonyms.values()) + sum(others.values()) + 2)
    extra = {
        word: round((synonyms[word] + 4 * mean) / (synonyms[word] + others[word] + 4), 3)
        for word in synonyms | others
    }
    same: Counter[tuple[str, str]] = Counter()
    together: Counter[tuple[str, str]] = Counter()
    for members in rests.values():
        together.update(itertools.permutations({word for word, _ in members}, 2))
        pairs = itertools.permutations(members, 2)
        same.update({(a, b) for (a, x), (b, y) in pairs if a != b and concepts[x] & concepts[y]})
    shares = {pair: round(n / (together[pair] + 1), 3) for pair, n in same.items()}
    return extra | {"": round(mean, 3)}, shares


@given(
    st.dictionaries(
        st.lists(st.sampled_from("abcde"), min_size=1, max_size=9).map(lambda w: " ".join(sorted(w))),
        st.sets(st.integers(0, 6), min_size=1, max_size=3),
        max_size=40,
    )
)
def test_names_are_counted_at_once_as_one_by_one(names: dict[str, set[int]]) -> None:
    numbers, learned = learn(names)
    extra, same = counted(names)
    values = (learned.extra / PRECISION).tolist()
    assert values[-1] == extra[""]
    assert {word: values[number] for word, number in numbers.items()} == {
        word: extra.get(word, extra[""]) for word in numbers
    }
    words = list(numbers)
    firsts = numpy.repeat(numpy.arange(len(words)), numpy.diff(learned.same_ends, prepend=0)).tolist()
    found = zip(firsts, learned.same_words.tolist(), (learned.same / PRECISION).tolist(), strict=True)
    assert {(words[a], words[b]): value for a, b, value in found} == same


def test_synonyms_say_which_words_matter() -> None:
    wording = Wording(*learn({key_of(name): {concept} for name, concept in NAMES.items()}))

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
