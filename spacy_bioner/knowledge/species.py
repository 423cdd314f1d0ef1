"""Which species a gene belongs to: the one that its text names nearest."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

HUMAN = "NCBITaxon:9606"

WORDS: Mapping[str, tuple[str, ...]] = {
    HUMAN: ("human", "patient", "man", "men", "woman", "women", "child", "children", "infant", "people",
            "h. sapiens", "homo sapiens", "boy", "girl", "participant", "volunteer"),
    "NCBITaxon:10090": ("mouse", "mice", "murine", "mus musculus", "m. musculus"),
    "NCBITaxon:10116": ("rat", "rattus norvegicus", "r. norvegicus"),
    "NCBITaxon:7955": ("zebrafish", "danio rerio", "d. rerio"),
    "NCBITaxon:7227": ("drosophila", "fruit fly", "fruit flies", "d. melanogaster"),
    "NCBITaxon:6239": ("c. elegans", "caenorhabditis elegans"),
    "NCBITaxon:4932": ("yeast", "s. cerevisiae", "saccharomyces cerevisiae"),
    "NCBITaxon:9913": ("bovine", "cattle", "cow", "bos taurus"),
    "NCBITaxon:9823": ("porcine", "pig", "swine", "sus scrofa"),
    "NCBITaxon:9031": ("chicken", "chick", "gallus gallus"),
    "NCBITaxon:9615": ("dog", "canine", "canis familiaris"),
    "NCBITaxon:9986": ("rabbit", "oryctolagus cuniculus"),
    "NCBITaxon:3702": ("arabidopsis", "a. thaliana"),
    "NCBITaxon:562": ("e. coli", "escherichia coli"),
}  # fmt: skip
"""By taxon the words that name it."""

_TAXA = {word: taxon for taxon, words in WORDS.items() for word in words}
_PATTERN = re.compile(
    r"(?<![\w-])("
    + "|".join(re.escape(word) for word in sorted(_TAXA, key=len, reverse=True))
    + r")s?(?!\w)",
    re.IGNORECASE,
)


def find_species(text: str) -> list[tuple[int, str]]:
    """The species that a text names: where, and which."""
    return [(match.start(), _TAXA[match[1].lower()]) for match in _PATTERN.finditer(text)]


def species_of(
    start: int,
    end: int,
    found: Sequence[tuple[int, str]],
    sentence: tuple[int, int],
    default: str = HUMAN,
) -> str:
    """The species that a mention's gene is most likely of.

    In the mention itself; else the nearest in its sentence, before it rather than behind; else the one
    that the document names most often, the first of those that it names equally often; else the default.

    Args:
        start, end: the mention's characters.
        found: the species of the document, as `find_species` gives them.
        sentence: the characters of the mention's sentence.
        default: the species of a document that names none.
    """
    near = [(place, taxon) for place, taxon in found if sentence[0] <= place < sentence[1]]
    inside = [taxon for place, taxon in near if start <= place < end]
    if inside:
        return inside[0]
    before = [(start - place, taxon) for place, taxon in near if place < start]
    behind = [(place - end, taxon) for place, taxon in near if place >= end]
    if before:
        return min(before)[1]
    if behind:
        return min(behind)[1]
    counts = Counter(taxon for _, taxon in found)
    return counts.most_common(1)[0][0] if counts else default
