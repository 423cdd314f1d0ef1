"""Token classifiers of transformers in and out, against its own pipeline: `python -m benchmarks.huggingface`.

`--checkpoint FOLDER` is a token classifier for NCBI-disease, trained there as in `benchmarks.transformer`
(`mini`, AutoModelForTokenClassification) if there is none. On the first 1,000 sentences of NCBI-disease's
test and devel splits, with the spaces that `convert` rebuilds:

- `from-hf`, with its own tokens and with the corpus's: entities beside those of transformers' pipeline
  (`aggregation_strategy="first"`), by their characters. Differences are counted by their cause: a boundary of
  transformers inside a token of ours, a text that transformers cut, or another.
- `to-hf` of that, and `from-hf` again.
- with `--heads FOLDER ...`, pipelines with a head a type: `to-hf` folds them, and with `--fit` teaches what
  comes out what they find in the texts of the train split; `from-hf` of that.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from transformers import AutoTokenizer

from benchmarks.common import corpora_folder, save
from benchmarks.transformer import NAME, fine_tune
from spacy_bioner.catalogue.encoders import resolve_encoder
from spacy_bioner.checkpoints.to_hf import Span, predict
from spacy_bioner.checkpoints.to_hf import to_hf as made_of
from spacy_bioner.cli.convert import convert
from spacy_bioner.cli.from_hf import from_hf
from spacy_bioner.cli.to_hf import to_hf
from spacy_bioner.docbin import docbin, read_docbin
from spacy_bioner.readers import with_same_tokens


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


def f1(spans: set[Span], docs: list[Doc]) -> float:
    """Strict F1 in percent."""
    gold = {(i, e.start_char, e.end_char, e.label_) for i, doc in enumerate(docs) for e in doc.ents}
    return round(200 * len(spans & gold) / max(len(spans) + len(gold), 1), 2)


def heads(path: Path, folder: Path, train: Path, sample: Path, docs: list[Doc]) -> dict[str, Any]:
    """What becomes of a pipeline with a head a type: folded alone, and fitted on the train split's texts.

    Args:
        path: the pipeline.
        folder: for what is made of it.
        train, sample: texts to fit on, and to compare on.
        docs: the sample with gold entities.
    """
    nlp = spacy.load(path)
    own = entities(nlp, docs, own_tokens=True)[0]
    first = made_of(nlp).first_piece
    result: dict[str, Any] = {"pooling": "the first piece" if first else "the mean of pieces"}
    result["f1"] = f1(own, docs)
    for name, texts in (("folded", None), ("fitted", train)):
        start = time.process_time()
        (same,) = to_hf(str(path), folder / name, fit=texts, sample=sample)
        seconds = round(time.process_time() - start, 1)
        theirs = set(predict(folder / name, [doc.text for doc in docs]))
        result[name] = {"agreement": str(same), "f1": f1(theirs, docs), "seconds": seconds}
    back = spacy.load(from_hf(str(folder / "fitted"), folder / "back"))
    found = entities(back, docs, own_tokens=True)[0]
    result["from-hf of fitted"] = {"entities": len(found), "the same as transformers": len(found & theirs)}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="token classifier, made if missing")
    parser.add_argument("--heads", type=Path, nargs="*", default=[], help="pipelines with a head a type")
    parser.add_argument("--updates", type=int, default=1000)
    parser.add_argument("--sentences", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        convert([corpora_folder() / "mtl" / "NCBI-disease-IOB"], folder, corpus=NAME)
        if not (arguments.checkpoint / "config.json").exists():
            encoder = resolve_encoder("mini", assets=folder)
            rate = encoder.encoder.learning_rate or 5e-5
            print(fine_tune(encoder.folder, folder, 1, arguments.updates, rate, arguments.checkpoint))
        nlp = spacy.load(from_hf(str(arguments.checkpoint), folder / "pipeline"))
        docs = [
            *read_docbin(folder / "test.spacy", nlp.vocab),
            *read_docbin(folder / "devel.spacy", nlp.vocab),
        ]
        docs = docs[: arguments.sentences]
        texts = [doc.text for doc in docs]
        tokenizer = AutoTokenizer.from_pretrained(arguments.checkpoint)
        theirs = set(predict(arguments.checkpoint, texts))
        own, own_docs = entities(nlp, docs, own_tokens=True)
        corpus, corpus_docs = entities(nlp, docs, own_tokens=False)
        result: dict[str, Any] = {
            "corpus": f"{NAME}, test, then devel: the first {len(docs):,} sentences",
            "checkpoint": f"mini, {arguments.updates} updates",
            "f1_transformers": f1(theirs, docs),
            "from-hf, own tokens": {"f1": f1(own, docs), **compare(own, own_docs, theirs, tokenizer)},
            "from-hf, the corpus's tokens": {
                "f1": f1(corpus, docs),
                **compare(corpus, corpus_docs, theirs, tokenizer),
            },
        }
        sample = folder / "sample.spacy"
        docbin(docs).to_disk(sample)
        (same,) = to_hf(str(folder / "pipeline"), folder / "back", sample=sample)
        again = spacy.load(from_hf(str(folder / "back"), folder / "again"))
        result["to-hf of that"] = str(same)
        result["to-hf of that, beside the checkpoint"] = {
            "entities": len(theirs),
            "the same": len(theirs & set(predict(folder / "back", texts))),
        }
        result["from-hf of to-hf"] = {
            "entities": len(own),
            "the same": len(own & entities(again, docs, own_tokens=True)[0]),
        }
        result["to-hf of heads"] = [
            heads(path, folder / f"heads-{i}", folder / "train.spacy", sample, docs)
            for i, path in enumerate(arguments.heads)
        ]
    save("huggingface", result)


if __name__ == "__main__":
    main()
