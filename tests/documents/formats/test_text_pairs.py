"""Pairs of texts in tables, by the headers that corpora give them."""

import pytest

from spacy_bioner.documents import formats

HEADERS = ("sent1,sent2,score", "evidence,claim,label", "sentence1,sentence2,gold_label")


@pytest.mark.parametrize("header", [*HEADERS, *(f"id,{header},other" for header in HEADERS)])
def test_tables_with_these_columns_and_with_more(write, header: str):
    columns = header.split(",")
    told = "3.5" if "score" in columns else "yes"
    named = [name for name in columns if name not in ("id", "other")]
    pair = zip(named, ("It rose.", "It fell.", told), strict=True)
    row = {"id": "7", "other": "x", **dict(pair)}
    path = write(f"{header}\n{','.join(row[column] for column in columns)}\n", "pairs.csv")
    [found] = formats.read(path, "text-pairs")
    assert "It rose." in found.text
    assert "It fell." in found.text
    assert found.id == ("7" if "id" in columns else "")
    assert told in str(found.meta)
