"""The readers `spacy-bioner.Corpus.v1` and `.MultiCorpus.v1`, for the [corpora] of a config."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_bioner.corpora.annotations import get_annotation
from spacy_bioner.corpora.augmentation import augmented, with_same_tokens
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.corpora.joining import join_docs
from spacy_bioner.corpora.relation_records import set_relation_extensions
from spacy_bioner.corpora.soft_labels import read_answers
from spacy_bioner.errors import PipelineError


def create_corpus(
    path: str | list[str] | None,
    limit: int = 0,
    join: int = 0,
    seed: int = 1,
    gold_entities: bool = False,
    augmenter: Callable[[Language, Example], Iterator[Example]] | None = None,
) -> Callable[[Language], Iterator[Example]]:
    """Makes `spacy-bioner.Corpus.v1`: reads .spacy files, with the corpus's own tokens.

    spaCy's own reader splits the text anew with the pipeline's tokenizer, and mentions that don't end where
    its tokens end are silently lost to training. Here the Doc to be predicted has the tokens of the
    gold Doc; which corpus that is from and what it annotates stays with it (see `annotations`).

    Args:
        path: the .spacy file, or several to be read one after the other.
        limit: how many Docs to read of each; 0 for all.
        join: the most tokens of Docs that are made of several, one behind the other as in the file (see
            `joined`); 0 to leave all as they are.
        seed: which Docs are joined follows from it.
        gold_entities: whether the Docs to be predicted carry the gold entities that relations can hold
            between (`doc._.arguments`), so that `relations` learns from and is scored on these; it takes
            those of the pipeline else. Docs aren't joined then.
        augmenter: makes variants of each example, as those of spaCy do ("spacy.lower_case.v1"). What the
            corpus annotates stays known.

    Raises:
        PipelineError: if there is no path, or `limit` or `join` is negative.
        FormatError: when it is read, if there is no such file, or it isn't a .spacy file.
    """
    if not path:
        raise PipelineError("No data: set paths.train and paths.dev to .spacy files. [B231]")
    _refuse_negative(limit=limit, join=join)
    if join and gold_entities:
        raise PipelineError("Docs with gold entities for relations can't be joined: set join to 0. [B232]")
    if gold_entities and augmenter is not None:
        raise PipelineError(
            "Docs with gold entities for relations can't be augmented: leave augmenter out. [B233]"
        )
    files = path if isinstance(path, list) else [path]

    set_relation_extensions()

    def read(nlp: Language) -> Iterator[Example]:
        for file in files:
            docs = [doc for doc in read_docbin(Path(file), nlp.vocab)[: limit or None] if len(doc)]
            for reference in joined(docs, join, Random(seed)) if join else docs:
                predicted = with_same_tokens(reference)
                if gold_entities:
                    predicted._.arguments = reference._.arguments
                example = Example(predicted, reference)
                yield from [example] if augmenter is None else augmented(augmenter, nlp, example)

    return read


def create_multi_corpus(
    paths: dict[str, str | None] | None,
    temperature: float = 2.0,
    limit: int = 0,
    seed: int = 1,
    join: int = 0,
    augmenter: Callable[[Language, Example], Iterator[Example]] | None = None,
) -> Callable[[Language], Iterator[Example]]:
    """Makes `spacy-bioner.MultiCorpus.v1`: several corpora, mixed so that small ones aren't drowned.

    An epoch has as many Docs as all corpora together, or `limit`; each corpus has a share of it in
    proportion to its size to the power of 1/temperature. Corpora go round: a large one continues in the
    next epoch where it was cut off, a small one comes several times in one. Files are read once.

    Meant for `max_epochs = -1`, where spaCy asks for each epoch anew and shows the first hundred Docs to the
    components to be initialized: among them is a mention of every type of every corpus.

    Args:
        paths: .spacy files by the names of the corpora; the names are for people, what Docs say of their
            corpus counts. None in the config of a pipeline that is done, which nobody trains.
        temperature: 1 for shares as the sizes are; the greater, the more equal.
        limit: the most Docs an epoch; 0 for no limit.
        seed: the order of Docs follows from it, and from the number of the epoch.
        join: as in `create_corpus`; what is counted as a Doc are those that have been joined.
        augmenter: as in `create_corpus`; each epoch anew.

    Raises:
        PipelineError: if paths name no file, the temperature isn't at least 1, or `limit` or `join` is
            negative.
        FormatError: when it is read, if a file can't be.
        PipelineError: then, if there are no paths, or not one of the files has a Doc.
    """
    files = {name: path for name, path in (paths or {}).items() if path is not None}
    if paths is not None:
        _refuse_no_data(files)
    if temperature < 1:
        raise PipelineError(f"The temperature is {temperature}: it must be 1 or more. [B235]")
    _refuse_negative(limit=limit)
    readers = {name: create_corpus(path, join=join, seed=seed) for name, path in files.items()}
    corpora: dict[str, list[Example]] = {}
    positions = dict.fromkeys(files, 0)
    epoch = 0
    vocab: Vocab | None = None

    def read(nlp: Language) -> Iterator[Example]:
        nonlocal epoch, vocab
        _refuse_no_data(files)
        if vocab is not nlp.vocab:
            epoch = 0
            positions.update(dict.fromkeys(files, 0))
            corpora.update({name: list(reader(nlp)) for name, reader in readers.items()})
            if not any(corpora.values()):  # epochs without a Doc would go on for ever
                raise PipelineError(
                    f"No data: there is no Doc in {', '.join(map(str, files.values()))}. [B236]"
                )
            vocab = nlp.vocab
        random = Random(f"{seed}/{epoch}")
        epoch += 1
        chosen: list[Example] = []
        for name, size in shares({n: len(docs) for n, docs in corpora.items()}, temperature, limit).items():
            docs = corpora[name]
            order = Random(f"{seed}/{name}").sample(range(len(docs)), len(docs))
            first = positions[name]
            chosen += [docs[order[(first + i) % len(docs)]] for i in range(size)]
            positions[name] = (first + size) % len(docs)
        random.shuffle(chosen)
        for example in roll_call(chosen):
            yield from [example] if augmenter is None else augmented(augmenter, nlp, example)

    return read


def create_distillation(
    gold: Callable[[Language], Iterator[Example]], answers: str | None, mix: float = 0.5, seed: int = 1
) -> Callable[[Language], Iterator[Example]]:
    """Makes `spacy-bioner.Distillation.v1`: gold Docs, and among them Docs that a teacher has answered for.

    With `max_epochs = -1` each epoch takes the next of the taught Docs; otherwise, as spaCy reads once, all
    epochs have the same.

    Args:
        gold: a reader of gold Docs.
        answers: the folder of a teacher's answers, see `soft_labels`.
        mix: the share of an epoch's words that are taught; from 0 to less than 1.
        seed: the order of taught Docs follows from it.

    Raises:
        PipelineError: if there is no folder, or the mix isn't a share.
        FormatError: when it is read, if the answers can't be.
    """
    if not answers:
        raise PipelineError("No answers of a teacher: make them with `spacy bioner distill`. [B237]")
    if not 0 <= mix < 1:
        raise PipelineError(f"The mix is {mix}: it must be from 0 to less than 1. [B238]")
    position = epoch = 0
    taught: list[Doc] = []
    vocab: Vocab | None = None

    def read(nlp: Language) -> Iterator[Example]:
        nonlocal position, epoch, taught, vocab
        if vocab is not nlp.vocab:
            position = epoch = 0
            taught, vocab = read_answers(Path(answers), nlp.vocab), nlp.vocab
        examples = list(gold(nlp))
        wanted = mix / (1 - mix) * sum(len(example) for example in examples)
        order = Random(seed).sample(range(len(taught)), len(taught))
        chosen: list[Example] = []
        while wanted > 0 and taught:
            doc = taught[order[position % len(taught)]]
            position += 1
            chosen.append(Example(with_same_tokens(doc), doc))
            wanted -= max(1, len(doc))
        epoch += 1
        mixed = examples + chosen
        Random(f"{seed}/{epoch}").shuffle(mixed)
        yield from roll_call(mixed)

    return read


def _refuse_no_data(files: Mapping[str, str]) -> None:
    if not files:
        raise PipelineError("No data: name at least one .spacy file under paths. [B234]")


def _refuse_negative(**settings: int) -> None:
    for name, value in settings.items():
        if value < 0:
            raise PipelineError(f"{name} is {value}: it must be 0 or more. [B239]")


def shares(sizes: Mapping[str, int], temperature: float, limit: int) -> dict[str, int]:
    """How many Docs of each corpus an epoch has: at least one of each that isn't empty.

    Shares are rounded down, and what is left goes to those that lost most by it (largest remainder).
    """
    weights = {name: size ** (1 / temperature) for name, size in sizes.items() if size}
    total = sum(sizes.values()) if not limit else min(limit, sum(sizes.values()))
    whole: dict[str, int] = {}
    while weights:  # a corpus that comes to less than one Doc gets one, and the others share the rest
        exact = {name: total * weight / sum(weights.values()) for name, weight in weights.items()}
        lifted = [name for name, share in exact.items() if share < 1]
        if not lifted:
            break
        for name in lifted:
            whole[name] = 1
            total -= 1
            del weights[name]
    else:
        return {name: 1 for name in sizes if sizes[name]}
    whole |= {name: int(share) for name, share in exact.items()}
    by_loss = sorted(exact, key=lambda name: int(exact[name]) - exact[name])
    for name in by_loss[: total - sum(map(int, exact.values()))]:
        whole[name] += 1
    return {name: whole[name] for name in sizes if name in whole}


def joined(docs: Sequence[Doc], most: int, random: Random) -> list[Doc]:
    """Docs of one sentence and of several, up to the length of an abstract, in the order of the sentences.

    Corpora are sentences, texts in use are abstracts. An encoder that has seen nothing but sentences in
    training gives poor vectors far from the start of a text, and one that has seen nothing but long texts
    does so for a sentence alone: so at least half of the Docs that come of it are single ones, and the others
    are as long as chance says. Neighbours may be of different documents.

    Args:
        docs: Docs that aren't empty.
        most: the most tokens of a Doc that is made of several.
        random: where chance comes from.

    Returns:
        The Docs. Those made of several keep corpus and types, and lose the documents' ids; Docs of
        different corpora, or that annotate different types, are not joined, nor those that have their gold
        entities in `doc.ents` alone with those that have them in `doc.spans`.
    """
    result: list[Doc] = []
    open_: list[Doc] = []
    room = 0
    for doc in docs:
        if not open_ or len(doc) > room or _kind(doc) != _kind(open_[0]):
            result += _whole(open_)
            open_, room = [], random.choice((0, random.randint(1, most)))
        open_.append(doc)
        room -= len(doc)
    return result + _whole(open_)


_Kind = tuple[str | None, tuple[str, ...], frozenset[str], bool]


def _kind(doc: Doc) -> _Kind:
    """A Doc's corpus, None if it doesn't say, the types that it annotates, and where it has gold entities."""
    annotation = get_annotation(doc)
    corpus, types = (annotation.corpus, annotation.types) if annotation else (None, ())
    return corpus, types, frozenset(doc.spans), doc.has_annotation("ENT_IOB")


def _whole(docs: list[Doc]) -> list[Doc]:
    """Several Docs as one; none if there are none."""
    return [join_docs(docs)] if len(docs) > 1 else docs


def roll_call(examples: list[Example]) -> list[Example]:
    """The same examples, those that bring in a corpus's first mention of a type before all others.

    Mentions in `doc.ents` and in each group of `doc.spans` are told apart: which of them a component reads,
    it knows itself.
    """
    seen: set[tuple[_Kind, str, str]] = set()
    first: list[Example] = []
    rest: list[Example] = []
    for example in examples:
        kind = _kind(example.reference)
        groups = [("", example.reference.ents), *example.reference.spans.items()]
        named = {(kind, key, span.label_) for key, group in groups for span in group}
        annotation = get_annotation(example.reference)
        named |= {(kind, "", own) for own, _ in annotation.more} if annotation else set()
        new = {one for one in named if kind[0] is None or one[2] in kind[1]} - seen
        seen |= new
        (first if new else rest).append(example)
    return first + rest
