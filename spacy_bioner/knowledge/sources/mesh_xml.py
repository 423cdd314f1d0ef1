"""MeSH's descriptors and supplementary records in XML, as the NLM distributes them."""

import gzip
from dataclasses import replace
from pathlib import Path

from lxml import etree

from spacy_bioner.errors import FormatError
from spacy_bioner.knowledge.concepts import Concept, Name, standard_id
from spacy_bioner.knowledge.problems import Problems
from spacy_bioner.knowledge.sources.source import Source

TERMS = "NLM's terms: nlm.nih.gov/databases/download/terms_and_conditions.html"
_MAPPED = "HeadingMappedToList/HeadingMappedTo/DescriptorReferredTo/DescriptorUI"
_RECORDS = {"DescriptorRecord": "Descriptor", "SupplementalRecord": "SupplementalRecord"}


def read(path: Path, problems: Problems) -> Source:
    """Reads desc2024.xml or supp2024.xml record by record; entities of the file's own aren't resolved.

    What a descriptor is below is told from tree numbers: "C04.588" is below "C04".

    Raises:
        FormatError: if it isn't MeSH's XML.
    """
    concepts: list[Concept] = []
    trees: dict[str, str] = {}
    numbers: dict[str, list[str]] = {}
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file = gzip.GzipFile(fileobj=raw) if packed else raw
        records = etree.iterparse(
            file, tag=tuple(_RECORDS), resolve_entities=False, load_dtd=False, no_network=True
        )
        try:
            for _, record in records:
                kind = _RECORDS[record.tag]
                id = standard_id(record.findtext(f"{kind}UI", ""), "MESH")
                label = record.findtext(f"{kind}Name/String", "")
                if not id or not label:
                    problems.add("a record without a name or identifier", path, record.sourceline, id)
                else:
                    terms = record.iterfind(".//Term/String")
                    texts = dict.fromkeys(term.text for term in terms if term.text)
                    names = (Name(label, "name"), *(Name(text) for text in texts if text != label))
                    mapped = record.iterfind(_MAPPED)
                    parents = tuple(standard_id((p.text or "").lstrip("*"), "MESH") for p in mapped)
                    concepts.append(Concept(id, names, (), parents, line=record.sourceline))
                    numbers[id] = [t.text or "" for t in record.iterfind("TreeNumberList/TreeNumber")]
                    trees |= dict.fromkeys(numbers[id], id)
                record.clear()
        except etree.XMLSyntaxError as error:
            raise FormatError(path, error.lineno, f"not whole XML ({error.msg}) [B279]") from None
    if not concepts:
        raise FormatError(path, None, "no record of MeSH's in it [B280]")
    placed = [replace(c, parents=(*c.parents, *_above(numbers[c.id], trees))) for c in concepts]
    return Source("MeSH", path, placed, "", TERMS)


def _above(numbers: list[str], trees: dict[str, str]) -> list[str]:
    tops = (number.rpartition(".")[0] for number in numbers)
    return list(dict.fromkeys(trees[top] for top in tops if top in trees))
