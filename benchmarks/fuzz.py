"""Broken inputs for all readers: `python -m benchmarks.fuzz [--inputs 100000] [--seed 1] [--seconds 50]`.

Small valid inputs of each format are changed at random: bytes, lines and pieces are cut out, doubled, swapped
and replaced by what is known to hurt. Each must give documents, which are then written in some format, or one
of our own errors, within a second of the processor's time; anything else is printed with the input that did
it, and the exit code is 1, as it is if the process ever took more than a gigabyte. Archives are unpacked.
"""

import argparse
import gzip
import io
import random
import re
import resource
import shutil
import signal
import sys
import tarfile
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from pathlib import Path
from types import FrameType

from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document, Mention, Passage, Relation
from spacy_bioner.documents.settling import ORIGINS
from spacy_bioner.documents.units import UNITS
from spacy_bioner.encoders.archives import unpack
from spacy_bioner.errors import BionerError

LIMIT = 1
"""Seconds of the processor's time for an input."""
LONGEST = 60
"""Seconds for an input, on a machine that may be busy."""
MEMORY = 1 << 30
"""Bytes of resident memory for all."""

SAMPLES = [
    Document(
        "Aspirin in asthma\nHelps \U0001f9ec lung and skin cancer (β-test).",
        (Passage(0, 17, "title"), Passage(18, 56, "abstract")),
        (
            Mention(((0, 7),), "Chemical", "T1", ("MESH:D001241", "D2"), 0.25, {"x": (1, None)}),
            Mention(((26, 30), (40, 46)), "Disease", "T2", (), None, {"notes": (("#1", "Note", "text"),)}),
            Mention(((11, 17),), "Disease", "T3", ("D001249",), None, {"attributes": (("A1", "Negation"),)}),
        ),
        (
            Relation("Treats", (("Arg1", "T1"), ("Arg2", "T3")), "R1"),
            Relation("Effect", (("trigger", "T2"), ("Theme", "T3")), "E1"),
            Relation("CID", (("Arg1", "D2"), ("Arg2", "D001249"))),
        ),
        id="12",
    ),
    Document("One\nmore.", (Passage(0, 3, "title"), Passage(4, 9, "abstract")), id="13"),
]
HURTING = [
    *(
        b"\0",
        b"\xff",
        b"\xed\xa0\x80",
        b"\r",
        b"\n",
        b"\t",
        b"|",
        b"-1",
        b"1e999",
        b"NaN",
        b"null",
        b"[]",
        b"{}",
    ),
    *(
        b"9" * 30,
        b"9" * 5000,
        b"[" * 3000,
        b'{"a":' * 3000,
        b"<a>" * 300,
        b"\\ud800",
        b"\\u0000",
        b'""',
        b";",
    ),
    *(
        b'<!DOCTYPE a [<!ENTITY b "c">]>',
        b"<!ENTITY",
        b"&lol;",
        b"&#0;",
        b"&#x10FFFF;",
        b"<![CDATA[",
        b"<!--",
    ),
    *(b"\xef\xbb\xbf", b"\x1f\x8b", b"T1\tA 0 1\tx\n", b"E1\tA:E1\n", b"*\tEquiv\n", b"12\t0\t99\ta\tb\tc\n"),
    *(
        b"<PubmedArticle>",
        b"</AbstractText>",
        b"<i>" * 300,
        b"<PMID/>",
        b"<?x?>",
        b"<mml:math>",
        b"<DeleteCitation/>",
    ),
    *(
        b'"answer": "reject",',
        b"\xf0\x9f\xa7\xac",
        b"\r\n",
        b"<?xml version='1.0'?>",
        b'"foo": [{"start": 0, "end": 1}],',
    ),
    *(b"true", b"0.5", b'"text"', b'"spans"', b"</passage>", b"<document>", b"%2e%2e%2f", "\u2028".encode()),
]
_VALUE = re.compile(rb'"[^"\n]*"|(?<![\w.])-?\d+(?![\w.])|(?<=>)[^<>]+(?=<)|\b(?:null|true|false)\b|\b\w+\b')
_VALUES = [
    *(
        b"0",
        b"-1",
        b"1",
        b"7",
        b"55",
        b"56",
        b"57",
        b"1000000000000",
        b"1e5",
        b"0.5",
        b"null",
        b"true",
        b"[]",
        b"{}",
    ),
    *(
        b'""',
        b'"T1"',
        b'"text"',
        b'"\\ud83d"',
        b'"\\u0000"',
        b"[[0, 1]]",
        b'[{"start": 0}]',
        b'{"a": [1, {}]}',
    ),
    *(
        b'"unread"',
        b'"counted"',
        b'"repaired"',
        b'"docstart"',
        b'"lines"',
        b'"columns"',
        b'"relations"',
        b'"infons"',
    ),
    *(
        b'"moved"',
        b'"meta"',
        b'"json"',
        b'{"meta": {"infons": 5}}',
        b'{"unread": 1}',
        b"1e999",
        b"collection",
    ),
    *(b"T1", b"E1", b"trigger", b"1;2", b" ", b"T99999999999999999999", b"9" * 40, b'"spacy-bioner"'),
]
COLUMNS = b"-DOCSTART- (1)\n\nAspirin\tB-Chemical\nhelps\tO\n\nlung\tB-Disease\ncancer\tI-Disease\n\n"


PUBMED = b"""<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2019//EN" \
"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_190101.dtd">
<PubmedArticleSet><PubmedArticle><MedlineCitation Status="MEDLINE"><PMID Version="2">12</PMID><Article>
<ArticleTitle>Ca<sup>2+</sup> in <i>lung</i></ArticleTitle><Abstract><AbstractText Label="METHODS">Where
<mml:math xmlns:mml="http://www.w3.org/1998/Math/MathML"><mml:mfrac><mml:mn>1</mml:mn><mml:mi>x</mml:mi>
</mml:mfrac></mml:math> &lt; 5.</AbstractText><AbstractText/><CopyrightInformation/></Abstract></Article>
<OtherAbstract Language="ger"><AbstractText>Wir.</AbstractText></OtherAbstract></MedlineCitation>
</PubmedArticle>
<PubmedBookArticle><BookDocument><PMID>5</PMID><Book><BookTitle>Genes</BookTitle></Book></BookDocument>
</PubmedBookArticle><DeleteCitation><PMID>7</PMID></DeleteCitation></PubmedArticleSet>"""


ONLY_READ = {
    "pubmed": PUBMED,
    "token-rows": b'{"id": "1", "tokens": ["Aspirin", "helps"], "ner_tags": ["B-Chemical", "O"]}\n' * 2,
    "spacy-json": b"""[{"id": 0, "paragraphs": [{"raw": "Aspirin helps", "sentences": [{"tokens": [
{"orth": "Aspirin", "ner": "U-X"}, {"orth": "helps", "ner": "-"}]}]},
{"raw": "a b", "entities": [[0, 1, "X"]]}]}]""",
    "conllu": b"""# newdoc id = 1
1|Aspirin|_|_|_|_|_|_|_|NER=B-X
2-3|don't|_|_|_|_|_|_|_|_
2|do|_|_|_|_|_|_|_|_
3|n't|_|_|_|_|_|_|_|SpaceAfter=No

""".replace(b"|", b"\t"),
    "jsonl of others": b"""\
{"text": "Aspirin \\ud83e\\uddec helps", "answer": "accept", "entities": [\
{"id": 1, "start_offset": 0, "end_offset": 7, "label": "X"}, \
{"id": 2, "start_offset": 11, "end_offset": 16, "label": "Y", "text": "helps"}], \
"relations": [{"id": 1, "from_id": 1, "to_id": 2, "type": "r"}]}
["a b", {"entities": [[0, 1, "X"]]}]
""",
}
"""Inputs of formats that are only read, and of forms that aren't written."""


def samples(folder: Path) -> dict[str, dict[str, bytes]]:
    """A valid input of each format: its files by their names."""
    found: dict[str, dict[str, bytes]] = {"columns": {"in": COLUMNS}, "lines": {"in": b"one\n\ntwo\n"}}
    found |= {name: {"in": data} for name, data in ONLY_READ.items()}
    for name, known in formats.FORMATS.items():
        if name in found or not known.reads or not known.writes:
            continue
        path = folder / name
        formats.write(SAMPLES, path, name)
        if known.suffix:
            found[name] = {"in": path.read_bytes()}
        else:
            found[name] = {file.name: file.read_bytes() for file in path.iterdir()}
        assert list(formats.read(path, name)), name
    write(SAMPLES, "html")  # so that the first input doesn't pay for the import of spaCy
    for name in ("jsonl", "pubmed", "brat"):
        packed = {f"{file}.gz": gzip.compress(data) for file, data in found[name].items()}
        found[f"{name}.gz"] = packed if name == "brat" else {"in": packed["in.gz"]}
    return found | archives()


def archives() -> dict[str, dict[str, bytes]]:
    """A valid archive of each kind, with a folder, junk, and an archive in it."""
    members = {"model/config.json": b"{}", "model/vocab.txt": b"[PAD]\n[UNK]\n", "__MACOSX/._x": b"x"}

    def tar(mode: str) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
            for name, data in members.items():
                member = tarfile.TarInfo(name)
                member.size, member.pax_headers = len(data), {"comment": "β" * 20}
                archive.addfile(member, io.BytesIO(data))
        return buffer.getvalue()

    members["inner.tar"] = tar("w")
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    found = {"archive.tar": tar("w"), "archive.tar.gz": tar("w:gz"), "archive.zip": zipped.getvalue()}
    return {name: {"in": data} for name, data in found.items()}


def write(documents: list[Document], name: str) -> None:
    """Writes documents in a format, without a file."""
    if name == "columns":
        documents = [document for document in documents if document.tokens is not None]
    for _ in formats.FORMATS[name].write(documents):
        pass


def changed(data: bytes, chance: random.Random) -> bytes:
    """An input, changed at a few places."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        if chance.random() < 0.5:  # the layout stays
            values = list(_VALUE.finditer(data))
            if values:
                value = chance.choice(values)
                other = chance.choice((chance.choice(values)[0], *chance.sample(_VALUES, 3)))
                data = data[: value.start()] + other + data[value.end() :]
            continue
        start, end = sorted(chance.randint(0, len(data)) for _ in range(2))
        end = min(end, start + chance.choice((0, 1, 3, 20, 1000)))
        way = chance.randrange(6)
        piece = data[start:end]
        if way == 0:
            piece = b""
        elif way == 1:
            piece *= chance.choice((2, 3, 50))
        elif way == 2:
            piece = chance.choice(HURTING)
        elif way == 3:
            piece += chance.choice(HURTING)
        elif way == 4:
            piece = bytes(chance.randrange(256) for _ in range(chance.randint(1, 3)))
        else:
            lines = data.split(b"\n")
            chance.shuffle(lines)
            data, piece = b"\n".join(lines), data[start:end]
        data = data[:start] + piece + data[end:]
    return data


class TooLongError(Exception):
    """An input that took longer than it may."""


def _too_long(signal: int, frame: FrameType | None) -> None:
    raise TooLongError(f"more than {LIMIT} s of work, or {LONGEST} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0, help="stop after so long; 0 for no limit")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    results: Counter[str] = Counter()
    failures = 0
    slowest = 0.0
    timers = {signal.ITIMER_PROF: LIMIT, signal.ITIMER_REAL: LONGEST}
    for kind in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(kind, _too_long)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        valid = Path(temporary) / "valid"
        valid.mkdir()
        inputs = samples(valid)
        number = 0
        while number < arguments.inputs:
            if arguments.seconds and time.perf_counter() - begin > arguments.seconds:
                break
            number += 1
            name = chance.choice(list(inputs))
            files = dict(inputs[name])
            victim = chance.choice(list(files))
            if name.endswith(".gz") and chance.random() < 0.5:
                files[victim] = gzip.compress(changed(gzip.decompress(files[victim]), chance))
            else:
                files[victim] = changed(files[victim], chance)
            folder = Path(temporary) / "input"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for file_name, data in files.items():
                (folder / file_name).write_bytes(data)
            path = folder / "in" if "in" in files else folder
            asked = "" if name not in formats.FORMATS or chance.random() < 0.3 else name
            offsets = chance.choice(("", "", "", *UNITS, *ORIGINS))
            to = chance.choice([other for other, known in formats.FORMATS.items() if known.writes])
            documents: list[Document] = []
            start = time.process_time()
            for timer, seconds in timers.items():
                signal.setitimer(timer, seconds)
            try:
                if name.startswith("archive") and chance.random() < 0.8:  # the rest is read as a document
                    unpack(path, folder / "out")
                    results[f"{name}: unpacked"] += 1
                    continue
                if chance.random() < 0.3:  # as `annotate` does, past what can't be read
                    each = formats.read_each(path, asked, offsets)
                    documents = [item for item in each if isinstance(item, Document)]
                else:
                    documents = list(formats.read(path, asked, offsets))
                    assert documents
                results[f"{name}: read"] += 1
                write(documents, to)
                results["written"] += 1
            except BionerError as error:
                results[
                    ("not written" if documents else f"{name}: refused") if str(error) else "no message"
                ] += 1
            except Exception:
                failures += 1
                print(f"input {number}, {name}, {victim}: {files[victim][:2000]!r}", file=sys.stderr)
                traceback.print_exc()
            finally:
                for timer in timers:
                    signal.setitimer(timer, 0)
            slowest = max(slowest, time.process_time() - start)
    for result, count in sorted(results.items()):
        print(f"{result:20} {count:8,}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    print(
        f"{number:,} inputs, {failures:,} failures, slowest {1000 * slowest:.0f} ms, "
        f"{peak >> 20:,} MB of memory at most"
    )
    sys.exit(1 if failures or peak > MEMORY else 0)


if __name__ == "__main__":
    main()
