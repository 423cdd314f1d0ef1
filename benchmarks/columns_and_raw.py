"""One pipeline on the same test split, from columns and from raw text.

`python -m benchmarks.columns_and_raw MODEL`: BC5CDR's test split. From columns the pipeline gets the
corpus's sentences and tokens; from raw text it gets title and abstract of each PubTator document and finds
its own tokens, and gold mentions are character offsets, also those that no tokens can give.
"""

import sys

import spacy

from benchmarks.common import corpora_folder, read_pubtator, save
from spacy_bioner.annotations import Annotation
from spacy_bioner.convert import Tally, to_docs
from spacy_bioner.evaluation.counts import Counts
from spacy_bioner.evaluation.evaluate import describe, evaluate
from spacy_bioner.formats import columns


def main(model: str) -> None:
    nlp = spacy.load(model)
    types = ("Chemical", "Disease")
    sentences = columns.read(corpora_folder() / "mtl/BC5CDR-IOB/test.tsv")
    docs = list(to_docs(sentences, nlp.vocab, nlp.make_doc, Annotation("BC5CDR", types), Tally()))
    from_columns = evaluate(nlp, docs).counts
    from_raw = Counts()
    documents = read_pubtator("pubtator/BC5CDR/CDR_TestSet.PubTator.txt")
    for document, doc in zip(documents, nlp.pipe(d.text for d in documents), strict=True):
        from_raw.add(
            [(m.start, m.end, m.type) for m in document.mentions],
            [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents],
        )
    result = {
        name: {
            "all": counts.total().to_dict(),
            **{entity_type: score.to_dict() for entity_type, score in counts.by_type().items()},
        }
        for name, counts in (("columns", from_columns), ("raw", from_raw))
    }
    save("columns_and_raw", {"pipeline": describe(nlp), **result})


if __name__ == "__main__":
    main(sys.argv[1])
