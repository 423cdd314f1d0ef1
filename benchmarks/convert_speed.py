"""`spacy bioner convert` beside `spacy convert -c ner`: `python -m benchmarks.convert_speed`.

Both in this process, in turn, on the same file, with the same number of sentences a Doc.
"""

import contextlib
import io
import tempfile
from pathlib import Path

from spacy.cli.convert import convert as stock_convert

from benchmarks.common import best_of, corpora_folder, save
from spacy_bioner.corpora.file_conversion import convert

FILES = ("NCBI-disease-IOB", "BC5CDR-IOB", "JNLPBA")


def main() -> None:
    result = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in FILES:
            for group in (1, 10):
                source = corpora_folder() / "mtl" / name / "train.tsv"

                def ours(source: Path = source, group: int = group) -> None:
                    with contextlib.redirect_stdout(io.StringIO()):
                        convert([source], folder / "ours.spacy", group=group)

                def stock(source: Path = source, group: int = group) -> None:
                    stock_convert(source, folder, file_type="spacy", converter="ner", n_sents=group)

                our_time, stock_time = best_of(3, ours, stock)
                result[f"{name}, {group} a Doc"] = {
                    "seconds": round(our_time, 2),
                    "stock_seconds": round(stock_time, 2),
                    "times_as_fast": round(stock_time / our_time, 2),
                }
    save("convert_speed", result)


if __name__ == "__main__":
    main()
