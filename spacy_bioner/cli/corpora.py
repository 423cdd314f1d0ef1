"""`spacy bioner corpora`: the corpora that are known by name."""

from spacy_bioner.cli import verb
from spacy_bioner.terminal import msg

WIDEST = 50
"""Characters of a list of types; of longer ones the beginning is shown."""


@verb("corpora")
def corpora_cli() -> None:
    """List the corpora of the catalogue, with the types that each annotates (and the common names)."""
    corpora()


def corpora() -> None:
    """Prints the table of corpora."""
    from spacy_bioner.corpora.corpus_catalogue import load_corpora

    rows = []
    for corpus in load_corpora().corpora.values():
        types = ", ".join(
            own if own == common else f"{own} ({common})" for own, common in corpus.types.items()
        )
        if len(types) > WIDEST:
            types = f"{len(corpus.types)} types: {types[:WIDEST].rsplit(', ', 1)[0]}, ..."
        how = (
            "in the project" if corpus.local else "by hand" if corpus.by_hand or not corpus.base else "fetch"
        )
        rows.append((corpus.name, corpus.task, types, " ".join(corpus.splits), how, corpus.licence))
    header = ("corpus", "task", "types", "splits", "how to get", "licence")
    msg.table(rows, header=header, divider=True, max_col=70)
