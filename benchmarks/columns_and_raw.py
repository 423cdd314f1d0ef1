"""One pipeline on the same test split, from columns and from raw text.

`python -m benchmarks.columns_and_raw MODEL [NAME]`: BC5CDR's test split; NAME is added to that of the
results. From columns the pipeline gets the corpus's sentences and tokens; from raw text it gets title and
abstract of each PubTator document and finds its own tokens, and gold mentions are character offsets, also
those that no tokens can give. In between, the raw text of each of the corpus's sentences: what it loses there
is lost by tokens and spaces, and the rest by reading abstracts. All as `spacy bioner evaluate` counts.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import spacy

from benchmarks.common import bc5cdr_sentences, corpora_folder, save
from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats import columns
from spacy_bioner.evaluation.gold import read_gold
from spacy_bioner.evaluation.pipeline_evaluation import evaluate_gold
from spacy_bioner.evaluation.report import describe, report

COLUMNS = "mtl/BC5CDR-IOB/test.tsv"
RAW = "pubtator/BC5CDR/CDR_TestSet.PubTator.txt"


def raw_sentences() -> Iterator[Document]:
    """The sentences of the columns with the spaces of the raw text, and without their tokens."""
    documents = columns.read(corpora_folder() / COLUMNS)
    for document, (words, spaces) in zip(documents, bc5cdr_sentences("test"), strict=True):
        pieces = [word + " " * space for word, space in zip(words, spaces, strict=True)]
        firsts = [0, *accumulate(map(len, pieces))]
        tokens = document.tokens or ()
        starts = {start: firsts[k] for k, (start, _) in enumerate(tokens)}
        ends = {end: firsts[k] + len(words[k]) for k, (_, end) in enumerate(tokens)}
        moved = [
            replace(m, spans=((starts[m.spans[0][0]], ends[m.spans[-1][1]]),)) for m in document.mentions
        ]
        yield Document("".join(pieces), mentions=tuple(moved), id=document.id)


def main(model: str, name: str = "") -> None:
    nlp = spacy.load(model)
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        sentences = Path(folder) / "sentences.jsonl"
        formats.write(raw_sentences(), sentences, "jsonl")
        files = {
            "columns": corpora_folder() / COLUMNS,
            "raw sentences": sentences,
            "raw": corpora_folder() / RAW,
        }
        for source, path in files.items():
            file = read_gold(path, nlp.vocab, corpus="BC5CDR")
            made = report(nlp, file, evaluate_gold(nlp, file.golds))
            result[source] = {
                "all": made["total"],
                **made["types"],
                "relaxed": made["relaxed"]["total"],
                "errors": made["errors"],
                "impossible": made["impossible"],
            }
    save("_".join(filter(None, ("columns_and_raw", name))), {"pipeline": describe(nlp), **result})


if __name__ == "__main__":
    main(*sys.argv[1:])
