"""One pipeline on the same test split, from columns and from raw text.

`python -m benchmarks.columns_and_raw MODEL`: BC5CDR's test split. From columns the pipeline gets the
corpus's sentences and tokens; from raw text it gets title and abstract of each PubTator document and finds
its own tokens, and gold mentions are character offsets, also those that no tokens can give. Both as
`spacy bioner evaluate` counts.
"""

import sys

import spacy

from benchmarks.common import corpora_folder, save
from spacy_bioner.evaluation.evaluate import describe, evaluate_gold
from spacy_bioner.evaluation.gold import read_gold
from spacy_bioner.evaluation.report import report

FILES = {
    "columns": "mtl/BC5CDR-IOB/test.tsv",
    "raw": "pubtator/BC5CDR/CDR_TestSet.PubTator.txt",
}


def main(model: str) -> None:
    nlp = spacy.load(model)
    result = {}
    for name, path in FILES.items():
        file = read_gold(corpora_folder() / path, nlp.vocab, corpus="BC5CDR")
        made = report(nlp, file, evaluate_gold(nlp, file.golds))
        result[name] = {
            "all": made["total"],
            **made["types"],
            "relaxed": made["relaxed"]["total"],
            "errors": made["errors"],
            "impossible": made["impossible"],
        }
    save("columns_and_raw", {"pipeline": describe(nlp), **result})


if __name__ == "__main__":
    main(sys.argv[1])
