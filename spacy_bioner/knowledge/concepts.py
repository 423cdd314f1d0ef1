"""What a knowledge base holds: concepts with their names, identifiers and places in a hierarchy."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

Kind = Literal["name", "exact", "related", "mention"]
"""What a name is to its concept: its label; a synonym; a looser synonym; a mention from training data."""
KINDS: tuple[Kind, ...] = ("name", "exact", "related", "mention")


@dataclass(frozen=True, slots=True)
class Name:
    """A name of a concept.

    Attributes:
        text: the name as its source spells it.
        kind: what it is to its concept.
        source: the name of the source that it is from.
    """

    text: str
    kind: Kind = "exact"
    source: str = ""


@dataclass(frozen=True, slots=True)
class Concept:
    """Something that has an identifier.

    Attributes:
        id: its identifier, with a prefix ("MESH:D003920").
        names: its names; the first is its label.
        alternatives: other identifiers of the same concept.
        parents: the identifiers of the concepts right above it.
        type: what it is ("Disease"), if its source says so.
        species: for a gene, the taxon that it belongs to ("NCBITaxon:9606").
        line: the line of its source that it begins in, if that is known.
    """

    id: str
    names: tuple[Name, ...]
    alternatives: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    type: str = ""
    species: str = ""
    line: int | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """Its first name; its identifier if it has none."""
        return self.names[0].text if self.names else self.id


_PREFIXES = {
    "MESH": "MESH",
    "MSH": "MESH",
    "OMIM": "OMIM",
    "MIM": "OMIM",
    "DO": "DOID",
    "DOID": "DOID",
    "NCBITAXON": "NCBITaxon",
    "TAXON": "NCBITaxon",
    "TAXONOMY": "NCBITaxon",
    "NCBIGENE": "NCBIGene",
    "ENTREZ": "NCBIGene",
    "GENEID": "NCBIGene",
    "UMLS_CUI": "UMLS",
    "UMLS": "UMLS",
    "ORDO": "Orphanet",
    "ORPHANET": "Orphanet",
    "NCI": "NCIT",
    "NCIT": "NCIT",
    "UP": "UniProt",
    "UNIPROT": "UniProt",
}


_OTHERS = """
BTO CAS CHEBI CHEMBL CL CLO DRUGBANK EC EFO ENSEMBL FBbt FPLX GARD GO GTR HGNC HP ICD10 ICD10CM
ICD11 ICD9 ICD9CM ICDO IPR KEGG MA MEDGEN MedDRA MGI MONDO MP NBO OMIMPS PATO PF PMID PR PubChem
PUBCHEM.COMPOUND RGD RO SCTID SNOMEDCT SO SYMP TRANS UBERON Wikidata Wikipedia XCO
"""
KNOWN_PREFIXES = frozenset(_PREFIXES.values()) | frozenset(_OTHERS.split())
"""The prefixes of identifiers that are usual in biomedicine."""


def standard_id(identifier: str, prefix: str = "") -> str:
    """An identifier as it is written here: a known prefix, a colon, and the rest.

    "MIM:143100" and "OMIM:143100" are one, and so are "mesh:D006816" and "MESH:D006816". Where a prefix
    stands twice ("DO:DOID:1816") the second is kept.

    Args:
        identifier: as a source has it.
        prefix: what to put before it, if it has none.
    """
    identifier = identifier.strip()
    head, colon, rest = identifier.partition(":")
    if not colon:
        return f"{prefix}:{identifier}" if prefix and identifier else identifier
    if ":" in rest:
        return standard_id(rest)
    return f"{_PREFIXES.get(head.upper(), head)}:{rest.strip()}"


@lru_cache(maxsize=1 << 12)
def vocabulary_of(id: str) -> str:
    """The vocabulary of an identifier: its prefix, and the letter that MeSH's begin with."""
    prefix, _, rest = id.partition(":")
    return prefix + rest[:1] if rest[:1].isalpha() else prefix
