"""The real corpora, against counts made without this package. See `corpora` in conftest.py."""

import re
from collections import Counter

import pytest
import spacy
from seqeval.metrics.sequence_labeling import get_entities

from spacy_bioner.corpora.annotations import Annotation, get_annotation
from spacy_bioner.corpora.conversion import Tally, to_docs
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.corpora.sources import open_source, write_columns, write_docbin
from spacy_bioner.documents import formats
from spacy_bioner.documents.formats import columns, pubtator
from spacy_bioner.documents.formats.columns import ColumnOptions
from spacy_bioner.text.spacing import natural_spaces
from spacy_bioner.text.tokenizer import create_tokenizer

SPLITS = ("train", "devel", "test")
MENTIONS = {  # as the corpora's README has them; train, devel, test
    "NCBI-disease-IOB": {"Disease": (5134, 787, 960)},
    "BC5CDR-IOB": {"Chemical": (5203, 5347, 5385), "Disease": (4182, 4246, 4424)},
    "BC2GM-IOB": (15197, 3061, 6325),
    "linnaeus-IOB": (2119, 711, 1433),
    "JNLPBA": (46750, 4551, 8662),
    "BioNLP11ID-IOB": (5674, 1598, 3810),
    "BioNLP13PC-IOB": (7853, 2734, 5306),
    "CRAFT-IOB": (29026, 9727, 18881),
    "Ex-PTM-IOB": (1787, 603, 2308),
    "BioNLP09-IOB": (9296, 2078, 3589),
}
OTHERS = {  # files of other layouts, and the type of those whose tags have none
    "conll4/NCBI-disease/*.txt": None,
    "conll4/bc5cdr/*.txt": None,
    "biobert/NCBI-disease/*.tsv": "Disease",
    "biobert/BC5CDR-chem/*.tsv": "Chemical",
    "general/wikigold/wikigold.conll.txt": None,
    "general/wnut17/*.conll": None,
    "general/wnut17/*.annotated": None,
    "general/crossner/*/*.txt": None,
}


@pytest.fixture(scope="module")
def tokenizer():
    return create_tokenizer()(spacy.blank("en"))


def sentences(path):
    """The words and tags of a column file, read as plainly as can be."""
    text = path.read_bytes().decode().replace("\r\n", "\n")
    for block in re.split(r"\n(?:[ \t]*\n)+", re.sub("(?m)^-DOCSTART-.*$", "", text)):
        rows = [re.split("[ \t]+", line) for line in block.split("\n") if line]
        if rows:
            yield [row[0] for row in rows], [row[-1] for row in rows]


def spans(document):
    """The mentions of a document from columns: type, first and last token."""
    begins = {start: i for i, (start, _) in enumerate(document.tokens)}
    ends = {end: i for i, (_, end) in enumerate(document.tokens)}
    return [(m.type, begins[m.start], ends[m.end]) for m in document.mentions]


@pytest.mark.parametrize("name", MENTIONS)
def test_every_mention_and_every_byte(corpora, tmp_path, name):
    """Columns to .spacy to columns: the mentions as counted elsewhere, and the same file in the end."""
    counts = dict.fromkeys(SPLITS)
    for split in SPLITS:
        path, docs, back = corpora / "mtl" / name / f"{split}.tsv", tmp_path / "x.spacy", tmp_path / "x.tsv"
        source, tally = open_source(path, ColumnOptions()), Tally()
        write_docbin(source, docs, Annotation(name, source.types), 1, tally)
        assert (tally.repaired, tally.dropped) == (0, [])
        assert tally.mentions_in == tally.mentions_out
        counts[split] = tally.mentions_out
        write_columns(open_source(docs, ColumnOptions()), back, source.types, Tally())
        assert back.read_bytes() == path.read_bytes()
    if isinstance(MENTIONS[name], dict):
        assert {type: tuple(counts[split][type] for split in SPLITS) for type in source.types} == MENTIONS[
            name
        ]
    else:
        assert tuple(counts[split].total() for split in SPLITS) == MENTIONS[name]


@pytest.mark.parametrize("split", SPLITS)
def test_iobes_has_the_mentions_of_iob(corpora, split):
    iob, iobes = (corpora / "mtl" / f"NCBI-disease-{scheme}" / f"{split}.tsv" for scheme in ("IOB", "IOBES"))
    assert columns.scan(iobes).scheme == "IOBES"
    assert list(columns.read(iobes)) == list(columns.read(iob))


@pytest.mark.parametrize("files", OTHERS)
def test_no_mention_is_lost_in_other_layouts(corpora, tokenizer, files):
    paths = sorted(corpora.glob(files))
    assert paths
    for path in paths:
        options = ColumnOptions(type=OTHERS[files])
        source, tally = open_source(path, options), Tally()
        found = list(source.documents())
        expected = list(sentences(path))
        assert len(found) == len(expected) == source.size
        for document, (words, tags) in zip(found, expected, strict=True):
            assert [document.text[start:end] for start, end in document.tokens] == words
            entities = [(type if type != "_" else OTHERS[files], *span) for type, *span in get_entities(tags)]
            assert spans(document) == entities
        count = Counter(mention.type for document in found for mention in document.mentions)
        for _ in to_docs(found, tokenizer.vocab, tokenizer, Annotation("", source.types), tally):
            pass
        assert tally.mentions_out == count


@pytest.mark.parametrize(
    ("files", "scheme"),
    [
        ("mtl/JNLPBA/devel.tsv", "IOB2"),
        ("mtl/NCBI-disease-IOBES/devel.tsv", "IOBES"),
        ("conll4/bc5cdr/*.txt", "IOB1"),
        ("general/wikigold/wikigold.conll.txt", "IOB1"),
        ("general/wnut17/*.conll", "IOB2"),
        ("general/crossner/*/*.txt", "IOB2"),
    ],
)
def test_schemes(corpora, files, scheme):
    paths = sorted(corpora.glob(files))
    assert paths
    assert {columns.scan(path).scheme for path in paths} == {scheme}


def test_documents_of_conll_have_ids(corpora):
    path = corpora / "conll4" / "bc5cdr" / "test.txt"
    ids = re.findall(r"(?m)^-DOCSTART- \((\d+)\)$", path.read_text())
    assert len(ids) == 500
    found = list(columns.read(path))
    assert [document.id for document in found if "docstart" in document.meta] == ids
    assert all(document.id for document in found)


def test_docbin_keeps_the_documents_of_jnlpba(corpora, tmp_path):
    path = corpora / "mtl" / "JNLPBA" / "devel.tsv"
    source = open_source(path, ColumnOptions())
    write_docbin(source, tmp_path / "x.spacy", Annotation("JNLPBA", source.types), 5, Tally())
    annotations = [get_annotation(doc) for doc in read_docbin(tmp_path / "x.spacy")]
    assert sum("docstart" in annotation.meta for annotation in annotations) == 200
    assert {(annotation.corpus, annotation.types) for annotation in annotations} == {
        ("JNLPBA", ("DNA", "RNA", "cell_line", "cell_type", "protein"))
    }


@pytest.mark.parametrize(
    ("files", "count", "least"),
    [
        ("pubtator/BC5CDR/*.txt", 9385 + 9591 + 9809, 0.999),
        ("pubtator/NCBI-disease/*", 5932 + 960, 0.999),
        ("bioc/BioRED/*.PubTator", 13351 + 3533, 0.995),
    ],
)
def test_tokens_end_where_mentions_end(corpora, tokenizer, files, count, least):
    mentions = covered = 0
    for path in sorted(corpora.glob(files)):
        for document in pubtator.read(path):
            doc = tokenizer(document.text)
            assert doc.text == document.text
            begins, ends = {token.idx for token in doc}, {token.idx + len(token) for token in doc}
            mentions += len(document.mentions)
            covered += sum(m.start in begins and m.end in ends for m in document.mentions)
    assert mentions == count
    assert covered / mentions >= least


def test_spacing_of_bc5cdr_is_rebuilt(corpora):
    raw = "\n".join(
        document.text for document in pubtator.read(corpora / "pubtator/BC5CDR/CDR_TestSet.PubTator.txt")
    )
    squeezed = "".join(raw.split())
    # for each character that isn't white space: does white space stand before it?
    spaced = [bool(match[1]) for match in re.finditer(r"(\s*)\S", raw)]
    right = gaps = 0
    for words, _ in sentences(corpora / "mtl/BC5CDR-IOB/test.tsv"):
        place = squeezed.find("".join(words))
        assert place >= 0
        for word, space in zip(words[:-1], natural_spaces(words), strict=False):
            place += len(word)
            gaps += 1
            right += space == spaced[place]
    assert gaps > 100_000
    assert right / gaps >= 0.985


# the other formats

DOCUMENTS = {  # documents, mentions, relations, moved mentions, mentions that aren't their text
    "pubtator/BC5CDR/CDR_TrainingSet.PubTator.txt": (500, 9385, 1038, 0, 0),
    "pubtator/BC5CDR/CDR_DevelopmentSet.PubTator.txt": (500, 9591, 1012, 0, 0),
    "pubtator/BC5CDR/CDR_TestSet.PubTator.txt": (500, 9809, 1066, 0, 0),
    "pubtator/NCBI-disease/NCBIdisease_TrainDev.PubTator": (693, 5932, 0, 0, 1),
    "pubtator/NCBI-disease/NCBIdisease_Test.PubTator": (100, 960, 0, 0, 0),
    "bioc/BioRED/Train.PubTator": (400, 13351, 4178, 0, 0),
    "bioc/BioRED/Dev.PubTator": (100, 3533, 1162, 0, 0),
    "bioc/BioRED/Train.BioC.XML": (400, 13351, 4178, 0, 0),
    "bioc/BioRED/Dev.BioC.XML": (100, 3533, 1162, 0, 0),
    "bioc/BioRED/Dev.BioC.JSON": (100, 3533, 1162, 0, 0),
    "bioc/BC5CDR/CDR_TrainingSet.BioC.xml": (500, 9570, 1038, 276, 2),
    "bioc/BC5CDR/CDR_DevelopmentSet.BioC.xml": (500, 9773, 1012, 192, 1),
    "bioc/BC5CDR/CDR_TestSet.BioC.xml": (500, 9928, 1066, 0, 0),
    "brat/NCBI-disease/train": (593, 5145, 0, 0, 0),
    "brat/NCBI-disease/devel": (100, 787, 0, 0, 0),
    "brat/NCBI-disease/test": (100, 960, 0, 0, 0),
    "brat/BioNLP13PC/devel": (90, 4351, 2257, 0, 0),
}


def content(document):
    """What a document says, whatever its file stated of where passages and mentions are."""
    mentions = [(m.spans, m.type, m.id, m.identifiers, m.meta.get("text")) for m in document.mentions]
    passages = [(p.start, p.end, p.type) for p in document.passages]
    return document.id, document.text, passages, mentions, document.relations


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_are_written_as_they_were_read(corpora, tmp_path, name):
    """The same mentions, ids, relations and texts; in PubTator and BRAT the same bytes."""
    path = corpora / name
    format = formats.detect(path)
    read = list(formats.read(path))
    mentions = [m for document in read for m in document.mentions]
    moved, wrong = (sum(key in m.meta for m in mentions) for key in ("moved", "text"))
    relations = sum(len(document.relations) for document in read)
    assert (len(read), len(mentions), relations, moved, wrong) == DOCUMENTS[name]
    account = formats.write(iter(read), tmp_path / "out", format)
    assert (account.dropped, account.relations, account.others) == ([], [], {})
    found = list(formats.read(tmp_path / "out"))
    assert list(map(content, found)) == list(map(content, read))
    assert not any("moved" in m.meta for document in found for m in document.mentions)
    if format == "pubtator":
        assert (tmp_path / "out").read_bytes() == path.read_bytes().replace(b"\r\n", b"\n")
    if format == "brat":
        for file in path.glob("*.*"):
            expected = (
                re.sub(rb" +\n", b"\n", data)
                if (data := file.read_bytes()) and file.suffix != ".txt"
                else data
            )
            assert (tmp_path / "out" / file.name).read_bytes() == expected


def test_passages_of_bc5cdr_that_state_a_wrong_offset(corpora):
    """31 of them; where their mentions are found is where the PubTator file has them."""
    moved = Counter()
    for split in ("Training", "Development", "Test"):
        bioc = formats.read(corpora / f"bioc/BC5CDR/CDR_{split}Set.BioC.xml")
        plain = {d.id: d for d in formats.read(corpora / f"pubtator/BC5CDR/CDR_{split}Set.PubTator.txt")}
        for document in bioc:
            moved.update(p.meta["moved"] for p in document.passages if "moved" in p.meta)
            whole = [
                (m.start, m.end, m.type)
                for m in document.mentions
                if m.meta.get("infons", {}).get("CompositeRole") != "IndividualMention"
            ]
            assert set(whole) == {(m.start, m.end, m.type) for m in plain[document.id].mentions}
    assert moved == {-5: 28, -10: 3}


@pytest.mark.parametrize("split", ["Train", "Dev"])
def test_biored_is_the_same_in_its_formats(corpora, split):
    paths = [path for path in (corpora / "bioc" / "BioRED").glob(f"{split}.*")]
    assert {formats.detect(path) for path in paths} >= {"pubtator", "bioc-xml"}
    first, *others = (
        [
            (
                d.id,
                d.text,
                [(m.spans, m.type, m.identifiers) for m in d.mentions],
                [(r.type, sorted(filler for _, filler in r.arguments)) for r in d.relations],
            )
            for d in formats.read(path)
        ]
        for path in paths
    )
    assert others
    assert all(other == first for other in others)


ACROSS = {  # mentions and relations that don't go from one format to the other
    ("bioc/BioRED/Dev.BioC.JSON", "pubtator"): (0, 0),
    ("bioc/BioRED/Dev.PubTator", "bioc-xml"): (0, 0),
    ("bioc/BioRED/Dev.PubTator", "brat"): (0, 1162),
    ("bioc/BC5CDR/CDR_DevelopmentSet.BioC.xml", "pubtator"): (43, 0),
    ("bioc/BC5CDR/CDR_DevelopmentSet.BioC.xml", "brat"): (0, 1012),
    ("brat/BioNLP13PC/devel", "pubtator"): (0, 2257),
    ("brat/BioNLP13PC/devel", "bioc-json"): (0, 0),
    ("brat/BioNLP13PC/devel", "jsonl"): (0, 0),
    ("brat/NCBI-disease/test", "bioc-xml"): (0, 0),
    ("pubtator/NCBI-disease/NCBIdisease_Test.PubTator", "text"): (960, 0),
}


@pytest.mark.parametrize(("name", "format"), ACROSS)
def test_from_one_format_to_another_and_back(corpora, tmp_path, name, format):
    path = corpora / name
    read = list(formats.read(path))
    account = formats.write(read, tmp_path / "there", format)
    assert (len(account.dropped), len(account.relations)) == ACROSS[name, format]
    dropped = {id(drop.mention) for drop in account.dropped}
    there = formats.read(tmp_path / "there", format)
    formats.write(there, tmp_path / "back", formats.detect(path))
    back = Counter((d.id, *found) for d in formats.read(tmp_path / "back") for found in places(d.mentions))
    assert back == Counter(
        (d.id, *m) for d in read for m in places(x for x in d.mentions if id(x) not in dropped)
    )


def places(mentions):
    # BRAT can't hold the empty identifier at the end of BioRED's "p|DEL|439_443|"
    return [(m.spans, m.type, tuple(filter(None, m.identifiers))) for m in mentions]
