"""The `linker` component: identifiers for entities."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import ensure_path, minibatch

from spacy_bioner.components.entity_links import Place, describe, set_link_extensions, write_links
from spacy_bioner.components.spans import place_of
from spacy_bioner.errors import KnowledgeError
from spacy_bioner.text.occurrences import abbreviations_of

if TYPE_CHECKING:
    from spacy_bioner.knowledge.knowledge_base import KnowledgeBase
    from spacy_bioner.knowledge.linking import Linking
    from spacy_bioner.knowledge.mentions import Query

HUMAN = "NCBITaxon:9606"
_FILE = "linking.json"
_EMBEDDED = "diseases"


set_link_extensions()


@Language.factory(
    "linker",
    assigns=["token.ent_kb_id", "doc._.links"],
    requires=["doc.ents"],
    default_config={
        "kb": _EMBEDDED,
        "candidates": 20,
        "threshold": None,
        "spans_key": "bioner",
        "written": 5,
        "species": None,
    },
    default_score_weights={"links_f": 0.0, "links_p": None, "links_r": None},
)
def make_linker(
    nlp: Language,
    name: str,
    kb: str | dict[str, str],
    candidates: int,
    threshold: float | None,
    spans_key: str,
    written: int,
    species: str | None,
) -> "Linker":
    """Makes the component `linker`; the arguments are `Linker`'s."""
    return Linker(
        name,
        kb,
        candidates=candidates,
        threshold=threshold,
        spans_key=spans_key,
        written=written,
        species=species,
    )


class Linker:
    """Gives entities the identifiers of a knowledge base.

    The identifiers go to `span.kb_id_` ("MESH:D003920"; those of a composite mention with bars between), of
    the entities in `doc.ents` and of the spans under `spans_key`; what else a mention may mean is in
    `span._.kb_ents`, and all of it as plain data in `doc._.links`.
    """

    def __init__(
        self,
        name: str = "linker",
        kb: str | Mapping[str, str] = _EMBEDDED,
        *,
        candidates: int = 20,
        threshold: float | None = None,
        spans_key: str = "bioner",
        written: int = 5,
        species: str | None = None,
    ) -> None:
        """Makes the component; a knowledge base is opened when it is first used.

        Args:
            name: the component's name.
            kb: the knowledge base of each entity type, by its name or the path of its file; one alone is
                that of the types that it has itself, or of all, if it doesn't say which they are.
            candidates: how many concepts are compared for a mention.
            threshold: how probable a concept must be to be taken; None for what was learned.
            spans_key: where in `doc.spans` there are entities as well.
            written: how many candidates are kept in `span._.kb_ents`.
            species: the species of genes of documents that name none ("NCBITaxon:10090"); None for human. A
                gene is linked to none of another species. Empty where that isn't wanted: with human genes
                alone a gene of the mouse is then linked to the human one of its name.
        """
        self.name = name
        self.kb = kb
        self.candidates = candidates
        self.threshold = threshold
        self.spans_key = spans_key
        self.written = written
        self.species = species
        self._linkings: dict[str, Linking] = {}
        self._learned: dict[str, Any] = {}
        self._copies: dict[str, Path] = {}

    # -- knowledge bases -----------------------------------------------------------------------------

    def set_base(self, label: str, name: str) -> None:
        """Sets the knowledge base of an entity type; those of others stay as they are.

        The file of this name is meant: a copy of another one by its name, which came with the pipeline, is
        used no more.
        """
        from spacy_bioner.knowledge.bases import find_base

        if name in self._copies:
            try:
                find_base(name)
            except KnowledgeError:
                pass  # the copy is all that there is
            else:
                del self._copies[name]
                self._linkings.pop(name, None)
        if isinstance(self.kb, str):
            types = [type for type in self.base(self.kb).meta["types"] if type] or [label]
            self.kb = dict.fromkeys(types, self.kb)
        self.kb = {**self.kb, label: name}

    def default_species(self, name: str) -> str:
        """The species of genes of documents that name none; empty where species don't matter: the knowledge
        base has none, or that is what `species` says."""
        if not any(self.base(name).meta["species"]):
            return ""
        return HUMAN if self.species is None else self.species

    def _names(self) -> list[str]:
        return [self.kb] if isinstance(self.kb, str) else sorted(set(self.kb.values()))

    def base(self, name: str) -> "KnowledgeBase":
        """The knowledge base of a name in `kb`."""
        return self.linking(name).base

    def _open(self, name: str) -> "KnowledgeBase":
        from spacy_bioner.knowledge.bases import find_base
        from spacy_bioner.knowledge.knowledge_base import KnowledgeBase

        return KnowledgeBase.open(self._copies.get(name) or find_base(name))

    def linking(self, name: str) -> "Linking":
        """What is known and was learned of a knowledge base, by its name in `kb`."""
        if name not in self._linkings:
            from spacy_bioner.knowledge.linking import Linking
            from spacy_bioner.knowledge.ranking import UNTRAINED_THRESHOLD

            base = self._open(name)
            if name in self._learned:
                linking = Linking.from_json(base, self._learned[name], self.candidates)
            else:
                linking = Linking(base, threshold=UNTRAINED_THRESHOLD, candidates=self.candidates)
            self._linkings[name] = linking
        linking = self._linkings[name]
        if self.threshold is not None:
            linking.threshold = self.threshold
        return linking

    def base_of(self, label: str) -> str | None:
        """The name of the knowledge base for an entity type; None if there is none."""
        if not isinstance(self.kb, str):
            return self.kb.get(label)
        types = [name for name in self.base(self.kb).meta["types"] if name]
        return self.kb if not types or label in types else None

    # -- prediction ----------------------------------------------------------------------------------

    def __call__(self, doc: Doc) -> Doc:
        self._annotate([doc])
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterable[Doc]:
        """Links the entities of many Docs, so many together; a batch shares one search for candidates.

        Args:
            stream: the Docs, with their entities set.
            batch_size: how many Docs are linked together.

        Yields:
            The same Docs, in their order.
        """
        for docs in minibatch(stream, size=batch_size):
            self._annotate(docs)
            yield from docs

    def _annotate(self, docs: Sequence[Doc]) -> None:
        spans = [self._spans(doc) for doc in docs]
        labels = {span.label_ for found in spans for span in found}
        bases = {label: name for label in sorted(labels) if (name := self.base_of(label)) is not None}
        found: list[dict[Place, dict[str, Any]]] = [{} for _ in docs]
        for name in sorted(set(bases.values())):
            linking = self.linking(name)
            pairs = [
                (number, span)
                for number, of_doc in enumerate(spans)
                for span in of_doc
                if bases.get(span.label_) == name
            ]
            queries = self._queries(docs, pairs, self.default_species(name))
            for (number, span), link in zip(pairs, linking.link(queries), strict=True):
                found[number][place_of(span)] = describe(span, link, linking.base, self.written)
        for doc, links in zip(docs, found, strict=True):
            write_links(doc, links, self.spans_key)

    def _spans(self, doc: Doc) -> list[Span]:
        spans = {place_of(span): span for span in (*doc.spans.get(self.spans_key, ()), *doc.ents)}
        return [spans[place] for place in sorted(spans)]

    def _queries(self, docs: Sequence[Doc], pairs: Iterable[tuple[int, Span]], species: str) -> "list[Query]":
        from spacy_bioner.knowledge.mentions import queries_of

        places: dict[int, list[tuple[int, int]]] = {}
        for number, span in pairs:
            places.setdefault(number, []).append((span.start_char, span.end_char))
        found = []
        for number, spans in places.items():
            doc = docs[number]
            forms = doc._.abbreviations or abbreviations_of(doc.text)
            found += queries_of(doc.text, spans, forms, number, species)
        return found

    # -- training ------------------------------------------------------------------------------------

    def initialize(
        self, get_examples: Callable[[], Iterable[Example]], *, nlp: Language | None = None
    ) -> None:
        """Learns from the entities of Docs that have a `kb_id_`, all at once: it takes seconds.

        Every fifth document is kept for the temperature and the threshold.
        """
        examples = list(get_examples())
        for name in self._names():
            labelled = self._labelled([eg.reference for eg in examples], name)
            if any(ids for _, ids in labelled):
                self.train(name, labelled)

    def train(self, name: str, train: Any, devel: Any = (), *, remember_devel: bool = False) -> None:
        """Learns to link to one of the knowledge bases; see `knowledge.linking_learning`.

        Args:
            name: the knowledge base, by its name or the path of its file.
            train: training mentions: pairs of a query and its gold identifiers.
            devel: the same, for the temperature and the threshold; none where there are none.
            remember_devel: whether mentions of `devel` count as names too, in the end.
        """
        from spacy_bioner.knowledge.linking_learning import train_linking

        self._linkings[name] = train_linking(
            self._open(name), train, devel, candidates=self.candidates, remember_devel=remember_devel
        )
        self._learned[name] = self._linkings[name].to_json()

    def _labelled(self, docs: Sequence[Doc], name: str) -> list[Any]:
        pairs = [
            (n, e)
            for n, doc in enumerate(docs)
            for e in doc.ents
            if e.kb_id_ and self.base_of(e.label_) == name
        ]
        species = self.default_species(name)
        queries = self._queries(docs, pairs, species)
        return [(query, tuple(ent.kb_id_.split("|"))) for query, (_, ent) in zip(queries, pairs, strict=True)]

    def score(self, examples: Iterable[Example], **settings: Any) -> dict[str, float]:
        """Precision, recall and F1 of entities with their identifiers, where the gold ones have some."""
        right = found = gold = 0
        for example in examples:
            expected = {
                (*place_of(e), id) for e in example.reference.ents for id in e.kb_id_.split("|") if id
            }
            if not expected:
                continue
            given = _identified(example.predicted)
            right, found, gold = right + len(expected & given), found + len(given), gold + len(expected)
        if not gold:
            return {}
        precision, recall = right / found if found else 0.0, right / gold
        f = 2 * precision * recall / (precision + recall) if right else 0.0
        return {"links_p": precision, "links_r": recall, "links_f": f}

    # -- storage -------------------------------------------------------------------------------------

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Keeps what was learned, and a copy of each knowledge base that doesn't come with the package."""
        from spacy_bioner.knowledge.bases import copy_bases, find_base

        folder = ensure_path(path)
        folder.mkdir(parents=True, exist_ok=True)
        sources = {name: self._copies.get(name) or find_base(name) for name in self._names()}
        data = {"learned": self._learned, "files": copy_bases(sources, folder)}
        (folder / _FILE).write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "Linker":
        """Reads what `to_disk` wrote; knowledge bases are opened when they are first used.

        Args:
            path: the component's folder.
            exclude: not used; spaCy gives it to every component.

        Raises:
            KnowledgeError: if the folder names a knowledge base outside of it.
        """
        folder = ensure_path(path)
        data = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        self._learned = data["learned"]
        if any(Path(file).name != file for file in data["files"].values()):
            raise KnowledgeError(f"{folder / _FILE}: a knowledge base that isn't in this folder. [B293]")
        self._copies = {name: folder / file for name, file in data["files"].items()}
        self._linkings = {}
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """What was learned; knowledge bases are named, and must be there where it is read."""
        return json.dumps({"learned": self._learned}).encode("utf-8")

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "Linker":
        """Reads what `to_bytes` wrote.

        Args:
            data: what was learned, as JSON in UTF-8.
            exclude: not used; spaCy gives it to every component.
        """
        self._learned = json.loads(data)["learned"]
        self._linkings = {}
        return self


def _identified(doc: Doc) -> set[tuple[int, int, str, str]]:
    """The entities of a Doc, once for each of their identifiers."""
    return {(*place_of(ent), id) for ent in doc.ents for id in ent.kb_id_.split("|") if id}
