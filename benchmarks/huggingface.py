"""Token classifiers of transformers in and out, against its own pipeline: `python -m benchmarks.huggingface`.

On the first 1,000 sentences of NCBI-disease's test and devel splits, with the spaces that `convert` rebuilds:

- `--checkpoint FOLDER`, a token classifier for NCBI-disease, trained there as in `benchmarks.transformer`
  (`mini`, AutoModelForTokenClassification) if there is none: `from-hf`, with its own tokens and with the
  corpus's, beside transformers' pipeline (`aggregation_strategy="first"`), entities by their characters.
  Differences are counted by their cause: a boundary of transformers inside a token of ours, a text that
  transformers cut, or another. `to-hf` of that, and `from-hf` again.
- `--heads FOLDER`, a pipeline with a head a type: `to-hf` folds it, and, if it has transitions or means of
  pieces, with `--fit` teaches what comes out what the pipeline finds in the texts of the train split;
  `from-hf` of that. `--unlabelled FILE`, lines that it is fitted on as well. If it has neither, the most
  probable label of each token, in float32, is compared too: where that is the same, only paths differ.

Each of the two can be run alone: the results keep the other.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab
from transformers import AutoTokenizer

from benchmarks.common import corpora_folder, results, save
from benchmarks.transformer import NAME, fine_tune
from spacy_bioner.corpora.augmentation import with_same_tokens
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.corpora.file_conversion import convert
from spacy_bioner.encoders.encoder_catalogue import resolve_encoder
from spacy_bioner.huggingface.checkpoint_import import import_checkpoint
from spacy_bioner.huggingface.export import export_pipeline
from spacy_bioner.huggingface.to_huggingface import Agreement, Classifier, Span, find_bioner, predict, to_hf
from spacy_bioner.models.labels import find_spans, make_label_set


def entities(nlp: Language, docs: list[Doc], own_tokens: bool) -> tuple[set[Span], list[Doc]]:
    """What a pipeline finds in the texts of Docs, with tokens of its own or theirs."""
    found = list(nlp.pipe(doc.text if own_tokens else with_same_tokens(doc) for doc in docs))
    spans = {(i, e.start_char, e.end_char, e.label_) for i, doc in enumerate(found) for e in doc.ents}
    return spans, found


def compare(ours: set[Span], docs: list[Doc], theirs: set[Span], tokenizer: Any) -> dict[str, Any]:
    """Counts entities and differences, these by their cause."""
    causes: Counter[str] = Counter()
    edges = [({token.idx for token in doc}, {token.idx + len(token) for token in doc}) for doc in docs]
    inside = {i for i, start, end, _ in theirs if start not in edges[i][0] or end not in edges[i][1]}
    for i, *_ in ours ^ theirs:
        if i in inside:
            causes["in a text where transformers ends an entity inside a token"] += 1
        elif len(tokenizer(docs[i].text)["input_ids"]) > tokenizer.model_max_length:
            causes["in a text that transformers cuts"] += 1
        else:
            causes["other"] += 1
    counts = {"here": len(ours), "transformers": len(theirs), "both": len(ours & theirs)}
    return {**counts, "only here": len(ours - theirs), "only transformers": len(theirs - ours), **causes}


def one_by_one(path: Path, docs: list[Doc]) -> set[Span]:
    """What the most probable labels of tokens are, in float32, by transformers' rule: any I may begin."""
    nlp = spacy.load(path, config={"components.transformer.model.precision": "float32"})
    bioner = find_bioner(nlp)
    types = bioner.model.get_ref("heads").attrs["types"]
    labels = make_label_set(["O", *(f"{letter}-{name}" for name in types for letter in "BI")])
    found = set()
    transformer: Any = nlp.get_pipe("transformer")
    for i, doc in enumerate(transformer.pipe(nlp.make_doc(doc.text) for doc in docs)):
        emissions = bioner.model.predict([doc]).emissions[0]
        beside = (emissions[..., 1:] - emissions[..., :1]).reshape(len(doc), -1)
        best = numpy.column_stack([numpy.zeros(len(doc)), beside]).argmax(axis=1)
        for start, end, kind in zip(*find_spans(labels, best, numpy.arange(len(doc)) == 0), strict=True):
            span = doc[start:end]
            found.add((i, span.start_char, span.end_char, types[kind]))
    return found


def overlapping(spans: set[Span], others: set[Span]) -> int:
    """How many of some entities share a character with one of others."""
    return sum(any(i == j and s < t and b < e for j, b, t, _ in others) for i, s, e, _ in spans)


def f1(spans: set[Span], docs: list[Doc]) -> float:
    """Strict F1 in percent."""
    gold = {(i, e.start_char, e.end_char, e.label_) for i, doc in enumerate(docs) for e in doc.ents}
    return round(200 * len(spans & gold) / max(len(spans) + len(gold), 1), 2)


def sentences(data: Path, vocab: Vocab, most: int) -> list[Doc]:
    """The sentences that all is measured on."""
    docs = [doc for split in ("test", "devel") for doc in read_docbin(data / f"{split}.spacy", vocab)]
    return docs[:most]


def measure_checkpoint(checkpoint: Path, folder: Path, data: Path, most: int) -> dict[str, Any]:
    """A token classifier of transformers to a pipeline, and back.

    Args:
        checkpoint: the token classifier.
        folder: for what is made of it.
        data: the folder of the corpus.
        most: how many sentences to measure on.
    """
    nlp = spacy.load(import_checkpoint(str(checkpoint), folder / "pipeline"))
    docs = sentences(data, nlp.vocab, most)
    texts = [doc.text for doc in docs]
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    theirs = set(predict(checkpoint, texts))
    own, own_docs = entities(nlp, docs, own_tokens=True)
    corpus, corpus_docs = entities(nlp, docs, own_tokens=False)
    export_pipeline(str(folder / "pipeline"), folder / "back")
    back = set(predict(folder / "back", texts))
    returned = spacy.load(import_checkpoint(str(folder / "back"), folder / "again"))
    again = entities(returned, docs, own_tokens=True)[0]
    return {
        "f1_transformers": f1(theirs, docs),
        "from-hf, own tokens": {"f1": f1(own, docs), **compare(own, own_docs, theirs, tokenizer)},
        "from-hf, the corpus's tokens": {
            "f1": f1(corpus, docs),
            **compare(corpus, corpus_docs, theirs, tokenizer),
        },
        "to-hf of that": str(Agreement(len(docs), len(own), len(back), len(own & back))),
        "to-hf of that, beside the checkpoint": {"entities": len(theirs), "the same": len(theirs & back)},
        "from-hf of to-hf": {"entities": len(own), "the same": len(own & again)},
    }


def measure_heads(
    path: Path, made: Classifier, folder: Path, data: Path, unlabelled: list[str], most: int
) -> dict[str, Any]:
    """A pipeline with a head a type, folded alone, and fitted on the texts of the train split and others.

    Args:
        path: the pipeline.
        made: what `to_hf` makes of it.
        folder: for what is made of it.
        data: the folder of the corpus.
        unlabelled: the other texts.
        most: how many sentences to measure on.
    """
    nlp = spacy.load(path)
    docs = sentences(data, nlp.vocab, most)
    own, own_docs = entities(nlp, docs, own_tokens=True)
    taught = [doc.text for doc in read_docbin(data / "train.spacy", nlp.vocab)] + unlabelled
    result: dict[str, Any] = {"f1": f1(own, docs), "texts": len(taught)}
    ways: list[tuple[str, list[str] | None]] = [("folded", None)]
    if made.lossy:
        ways.append(("fitted", taught))
    for name, fit in ways:
        start = time.process_time()
        export_pipeline(str(path), folder / name, fit=fit)
        seconds = round(time.process_time() - start, 1)
        theirs = set(predict(folder / name, [doc.text for doc in docs]))
        same = Agreement(len(docs), len(own), len(theirs), len(own & theirs))
        result[name] = {
            "f1": f1(theirs, docs),
            "agreement": str(same),
            **compare(own, own_docs, theirs, made.tokenizer),
            "only here, with other ends there": overlapping(own - theirs, theirs - own),
            "processor_seconds": seconds,
        }
    back = spacy.load(import_checkpoint(str(folder / name), folder / "back"))
    found = entities(back, docs, own_tokens=True)[0]
    result[f"from-hf of {name}"] = {"entities": len(found), "the same": len(found & theirs)}
    if not made.lossy:
        labels = one_by_one(path, docs)
        result["labels one by one, float32"] = {"entities": len(labels), "the same": len(labels & theirs)}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, help="token classifier, made if missing")
    parser.add_argument("--heads", type=Path, help="trained pipeline with a head a type")
    parser.add_argument("--unlabelled", type=Path, help="texts, one a line")
    parser.add_argument("--updates", type=int, default=1000)
    parser.add_argument("--sentences", type=int, default=1000)
    given = parser.parse_args()
    measured: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder, data = Path(temporary), Path(temporary) / "data"
        convert([corpora_folder() / "mtl" / "NCBI-disease-IOB"], data, corpus=NAME)
        if given.checkpoint is not None:
            if not (given.checkpoint / "config.json").exists():
                encoder = resolve_encoder("mini", assets=folder)
                rate = encoder.encoder.learning_rate or 5e-5
                print(fine_tune(encoder.folder, data, 1, given.updates, rate, given.checkpoint))
            measured["checkpoint"] = f"mini, {given.updates} updates"
            measured |= measure_checkpoint(given.checkpoint, folder, data, given.sentences)
        if given.heads is not None:
            made = to_hf(spacy.load(given.heads))
            pooling = "the first piece" if made.first_piece else "the mean of pieces"
            pooling += "" if made.transitions else ", without transitions"
            lines = given.unlabelled.read_text(encoding="utf8").splitlines() if given.unlabelled else []
            more = f", {len(lines):,} unlabelled texts" if lines else ""
            measured[f"to-hf of heads, {pooling}{more}"] = measure_heads(
                given.heads, made, folder / "heads", data, lines, given.sentences
            )
    known = {
        key: value for key, value in results("huggingface").items() if key not in ("machine", "versions")
    }
    corpus = f"{NAME}, test, then devel: the first {given.sentences:,} sentences"
    save("huggingface", {**known, "corpus": corpus, **measured})


if __name__ == "__main__":
    main()
