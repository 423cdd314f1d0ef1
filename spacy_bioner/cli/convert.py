"""`spacy bioner convert`: corpora from any format to any other, .spacy among them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from spacy_bioner.cli import listed, verb
from spacy_bioner.terminal import msg

if TYPE_CHECKING:
    from spacy_bioner.corpora.conversion import Tally

SHOWN = 20
"""How many dropped mentions are printed; --dropped writes them all to a file."""


@verb("convert")
def convert_cli(
    inputs: list[Path] = typer.Argument(..., help="Files, or a folder with train, devel, test files"),
    output: Path = typer.Argument(
        ..., help="A file for one input (.spacy, .tsv, .jsonl, ...); else a folder"
    ),
    corpus: str = typer.Option("", help="Corpus of the catalogue, to take its name and types from"),
    corpora: str = typer.Option(
        "", help="Several corpora, with commas: INPUT has a folder of each, OUTPUT gets SPLIT/CORPUS.spacy"
    ),
    name: str = typer.Option("", help="Name of a corpus that isn't in the catalogue"),
    type: str = typer.Option("", "--type", help="Type of all mentions, where the tags B and I name none"),
    types: str = typer.Option("", help="Types to keep, with commas between them; default: all"),
    threshold: float = typer.Option(
        0.0, min=0, max=1, help="Leave out mentions whose score is lower; those without one stay"
    ),
    group: int = typer.Option(1, min=1, help="How many sentences each Doc gets"),
    scheme: str = typer.Option("", help="IOB1, IOB2, IOBES or BILOU; default: found from the file"),
    word_column: int = typer.Option(0, help="Column of the words, from 0"),
    tag_column: int = typer.Option(-1, help="Column of the tags; -1 is the last"),
    comments: bool = typer.Option(False, help="Skip lines before a sentence that begin with #"),
    natural: bool = typer.Option(True, help="Rebuild the spaces that columns have lost"),
    source: str = typer.Option("", "--from", help="Format of the inputs; default: found from their content"),
    to: str = typer.Option("", help="Format to write; default: OUTPUT's by its ending, else spacy"),
    untyped: bool = typer.Option(False, help="Write columns with B, I, O alone, without types"),
    dropped: Path = typer.Option(None, help="File to list all dropped mentions in"),
    offsets: str = typer.Option(
        "", help="What offsets count (utf-16, utf-8, lf, passage, ...); default: found from texts"
    ),
    max_bad: str = typer.Option(
        "", help="Most bad documents, lines and mentions, as 20 or 10%; default: more than both is too much"
    ),
    strict: bool = typer.Option(False, help="Refuse files with any bad document, line or mention"),
) -> None:
    """Convert corpora from any format to any other.

    Formats: spacy, columns, pubtator, bioc-xml, bioc-json, brat, jsonl (Prodigy's too), label-studio,
    doccano, doccano-relations, pubannotation, con (i2b2), share-pipe, text (a file a document), lines (a
    line a document); only read: pubmed (its XML), jats (full texts), token-rows (of Hugging Face), spacy-
    json (of spaCy 2), conllu, and corpora of relations: masked-tsv, marked-jsonl, ddi-xml, ade, chemprot;
    of other tasks: hoc-tsv, pubmed-rct, text-pairs, squad; only written: html. Every mention that is read
    is either written or listed as dropped, with the reason.
    """
    from spacy_bioner.corpora.file_conversion import convert, convert_corpora
    from spacy_bioner.documents.formats.columns import ColumnOptions
    from spacy_bioner.documents.formats.unreadable import most_bad
    from spacy_bioner.documents.tags import find_scheme
    from spacy_bioner.errors import ConversionError

    chosen = find_scheme(scheme) if scheme else None
    if corpora:
        others = {"--corpus": corpus, "--name": name, "--types": types, "--type": type, "--dropped": dropped}
        others |= {"--threshold": threshold}
        others |= {f"--to {to}": to not in ("", "spacy"), "--untyped": untyped, "--from": source}
        if wrong := [option for option, value in others.items() if value]:
            raise ConversionError(
                f"--corpora converts what the catalogue knows: leave out {wrong[0]}. [B538]"
            )
        if len(inputs) > 1:
            raise ConversionError(
                "--corpora takes one folder, that has a folder of each corpus in it. [B539]"
            )
        reading = ColumnOptions(None, chosen, word_column, tag_column, comments, natural)
        made = convert_corpora(inputs[0], output, listed([corpora]), group=group, options=reading)
        for file in dict.fromkeys(path.name for path in made):  # a table a corpus
            _report({path: tally for path, tally in made.items() if path.name == file})
        return
    tallies = convert(
        inputs,
        output,
        corpus=corpus,
        name=name,
        types=listed([types]),
        threshold=threshold,
        group=group,
        options=ColumnOptions(type or None, chosen, word_column, tag_column, comments, natural),
        source=source,
        to=to,
        typed=not untyped,
        dropped=dropped,
        offsets=offsets,
        most_bad=most_bad(max_bad, strict),
    )
    _report(tallies)


def _report(tallies: dict[Path, "Tally"]) -> None:
    """Prints the table of what was read and written, and the dropped mentions."""
    from spacy_bioner.corpora.shared_texts import shared_texts

    types = dict.fromkeys(name for tally in tallies.values() for name in tally.mentions_in)
    rows: list[tuple[str, ...]] = [
        ("documents", *(f"{tally.docs:,}" for tally in tallies.values())),
        *_row("sentences", [tally.sentences for tally in tallies.values()]),
        *_row("tokens", [tally.tokens for tally in tallies.values()]),
        *(
            (name or "(no type)", *(f"{tally.mentions_out[name]:,}" for tally in tallies.values()))
            for name in types
        ),
        ("all mentions", *(f"{tally.mentions_out.total():,}" for tally in tallies.values())),
        *_row("relations", [tally.relations_out for tally in tallies.values()]),
        ("moved mentions", *(f"{tally.moved:,}" for tally in tallies.values())),
        ("repaired tags", *(f"{tally.repaired:,}" for tally in tallies.values())),
        ("dropped mentions", *(f"{len(tally.dropped):,}" for tally in tallies.values())),
        ("dropped relations", *(f"{len(tally.relations):,}" for tally in tallies.values())),
    ]
    twins = len({target.name for target in tallies}) < len(tallies)
    names = {target: f"{target.parent.name}/{target.name}" if twins else target.name for target in tallies}
    header = ("", *names.values())
    msg.table(rows, header=header, divider=True, aligns=("l", *("r" for _ in tallies)))
    for target, tally in tallies.items():
        _tell(names[target], tally)
        msg.good(str(target))
    for test, train, count in shared_texts(tallies):
        msg.warn(
            f"{names[test]}: {count:,} of its {tallies[test].docs:,} texts are in {names[train]} too, and "
            "scores on them say little; `spacy bioner leaks` shows what is nearly the same as well"
        )


def _tell(name: str, tally: "Tally") -> None:
    """Prints what was wrong in an input, and what an output doesn't have of it."""
    if tally.unwritten:
        msg.warn(f"{name}: {tally.unwritten:,} spans in doc.spans aren't gold, and are left out")
    listed: tuple[tuple[str, Sequence[object]], ...] = (
        ("documents, lines or mentions are set aside", tally.bad),
        ("mentions have offsets that don't give their text", tally.mismatches),
        ("things in the file aren't read", tally.unread),
    )
    for what, things in listed:
        if things:
            msg.warn(f"{name}: {len(things):,} {what}")
            _list(things)
    for what, count in tally.counted.items():
        msg.info(f"{name}: {what} ({count:,})")
    _tell_of_learning(name, tally)
    for reason, count in Counter(drop.reason for drop in tally.dropped).items():
        msg.warn(f"{name}: {count:,} mentions dropped: {reason}")
    _list(tally.dropped, " with --dropped FILE")
    for reason, count in Counter(drop.reason for drop in tally.relations).items():
        msg.warn(f"{name}: {count:,} relations dropped: {reason}")
    for what, count in tally.others.items():
        msg.warn(f"{name}: not kept: {what} ({count:,})")


def _tell_of_learning(name: str, tally: "Tally") -> None:
    """Prints which of the mentions in a .spacy file overlap, and which can't be learned."""
    if tally.overlapping:
        msg.info(f"{name}: {tally.overlapping:,} mentions overlap others, and are kept")
    if tally.nested:
        msg.warn(f"{name}: {tally.nested:,} mentions are inside one of their type: the outer is learned")
    if tally.crossing:
        msg.warn(f"{name}: {tally.crossing:,} mentions cross one of their type: unknown in training")
    for reason, count in Counter(left.reason for left in tally.untaught).items():
        msg.warn(
            f"{name}: {count:,} mentions can't be learned ({reason}): unknown in training, "
            "and counted by `evaluate`"
        )
    _list(tally.untaught)


def _row(name: str, counts: list[int]) -> list[tuple[str, ...]]:
    """A row of the table, where there is something to count in any of the columns."""
    return [(name, *(f"{count:,}" for count in counts))] if any(counts) else []


def _list(things: Sequence[object], how: str = "") -> None:
    """Prints some of what was dropped, and how many more there are."""
    for thing in things[:SHOWN]:
        msg.text(f"  {thing}")
    if len(things) > SHOWN:
        msg.text(f"  and {len(things) - SHOWN:,} more" + (f": list them all{how}" if how else ""))
