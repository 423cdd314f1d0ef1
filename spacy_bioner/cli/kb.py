"""`spacy bioner kb ...`: builds knowledge bases, says what is in one, and searches it."""

from pathlib import Path

import typer

from spacy_bioner.cli import bioner_cli, verb
from spacy_bioner.terminal import msg

kb_cli = typer.Typer(help="Knowledge bases: names and identifiers to link entities to.", no_args_is_help=True)
bioner_cli.add_typer(kb_cli, name="kb")


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


@verb("build", kb_cli)
def build_cli(
    paths: list[Path] = typer.Argument(
        ..., help="Sources, those whose identifiers are kept first; then the output"
    ),
    source: str = typer.Option(
        "", "--from", help="Format of the sources; told from their content if not given"
    ),
    name: str = typer.Option("", help="What it is called; the output's name if not given"),
    branch: str = typer.Option("", help="Identifiers, with commas: they and what is below them are kept"),
    types: str = typer.Option("", "--types", help="Types that are kept, with commas"),
    type: str = typer.Option("", "--type", help="Type of concepts whose source doesn't say it (Disease)"),
    xrefs: str = typer.Option(
        "", help="Prefixes of other identifiers that are kept, with commas (MESH,OMIM)"
    ),
    same: str = typer.Option("", help="Prefixes of identifiers by which sources are joined, with commas"),
    only_known: str = typer.Option("", help="Names of sources that only add to the concepts of others"),
) -> None:
    """Build a knowledge base of ontologies and tables: OBO, OBO graphs, SSSOM, MeSH, CTD, HGNC, NCBI
    Taxonomy."""
    from spacy_bioner.errors import KnowledgeError
    from spacy_bioner.knowledge.building import Choice, build
    from spacy_bioner.knowledge.knowledge_base import KnowledgeBase

    if len(paths) < 2:
        raise KnowledgeError("Name one source at least, and the output behind it. [B544]")
    *sources, output = paths
    choice = Choice(_split(branch), _split(types), _split(xrefs), _split(same), _split(only_known), type)
    problems = build(sources, output, choice, name, source)
    for kind, count in problems.counts.most_common():
        msg.warn(f"{count:,} x {kind}: {'; '.join(problems.examples[kind])}")
    base = KnowledgeBase.open(output)
    msg.good(f"{output}: {len(base):,} concepts, {len(base.names):,} names")


@verb("list", kb_cli)
def list_cli() -> None:
    """List the knowledge bases that `fetch --kb` brings, with their licences."""
    from spacy_bioner.knowledge.base_catalogue import load_bases

    rows = [(base.name, base.title, base.licence) for base in load_bases().values()]
    msg.table(rows, header=("name", "what", "licence"), divider=True)


@verb("info", kb_cli)
def info_cli(
    name: str = typer.Argument(
        ..., help="A knowledge base: its file, or the name of one of the package's own"
    ),
) -> None:
    """Say what is in a knowledge base, and where it is from."""
    from spacy_bioner.knowledge.bases import find_base
    from spacy_bioner.knowledge.knowledge_base import KnowledgeBase

    base = KnowledgeBase.open(find_base(name))
    msg.table(base.summary(), aligns=("l", "l"))
    header = ("source", "version", "licence", "concepts", "names", "sha256")
    rows = [
        (s["name"], s["version"], s["licence"], f"{s['concepts']:,}", f"{n:,}", s["sha256"][:12])
        for s, n in zip(base.meta["sources"], base.names_per_source(), strict=True)
    ]
    msg.table(rows, header=header, divider=True, aligns=("l", "l", "l", "r", "r", "l"))


@verb("search", kb_cli)
def search_cli(
    name: str = typer.Argument(
        ..., help="A knowledge base: its file, or the name of one of the package's own"
    ),
    texts: list[str] = typer.Argument(..., help="What to search for: names, or identifiers"),
    n: int = typer.Option(5, "-n", "--number", min=1, max=1000, help="How many concepts of each"),
) -> None:
    """Find the concepts with the most similar names, or with an identifier."""
    from spacy_bioner.knowledge.bases import find_base
    from spacy_bioner.knowledge.knowledge_base import KnowledgeBase

    base = KnowledgeBase.open(find_base(name))
    header = ("cosine", "identifier", "label", "name that is similar")
    for text, found in zip(texts, base.candidates(texts, n), strict=True):
        rows = [("=", base.ids[c], base.label(c), "") for c in base.find(text)]
        rows += [
            (f"{c.cosine:.3f}", base.ids[c.concept], base.label(c.concept), base.names[c.name]) for c in found
        ]
        msg.table(rows, header=header, divider=True, title=text) if rows else msg.info(f"{text}: nothing")
