"""`spacy bioner leaks`: which sentences of a test split stand in a training split."""

from pathlib import Path

import typer

from spacy_bioner.cli import verb
from spacy_bioner.terminal import msg


@verb("leaks")
def leaks_cli(
    data: list[Path] = typer.Argument(..., help="Files in any format, or folders: training data first"),
    source: str = typer.Option(
        "", "--from", help="Format; 'table': the longest cell of each line is the text"
    ),
    near: float = typer.Option(0.8, min=0.1, max=1.0, help="From which Jaccard index on sentences are near"),
    scores: Path = typer.Option(None, help="Scores on the test file: F1 with and without what is leaked"),
    examples: int = typer.Option(3, min=0, max=10, help="How many pairs of sentences to show of each"),
    output: Path = typer.Option(None, help="JSON file with all that was found"),
) -> None:
    """Find documents and sentences that two data sets share, each file against those before it."""
    from spacy_bioner.errors import FormatError
    from spacy_bioner.evaluation.comparison import read_scores
    from spacy_bioner.evaluation.document_counts import DocumentCounts
    from spacy_bioner.evaluation.gold import gold_files
    from spacy_bioner.evaluation.leakage import f1_in_words, find_leaks, leaks_as_rows, read_texts
    from spacy_bioner.files import Outputs, write_json

    paths = gold_files(data, source)
    if len(paths) < 2:
        raise FormatError(paths[0], None, "one file can't share anything: name a second one [B545]")
    names = [path.name if len({p.name for p in paths}) == len(paths) else str(path) for path in paths]
    texts = [read_texts(path, source, name) for path, name in zip(paths, names, strict=True)]
    leaks = find_leaks(texts, near)
    header, rows = leaks_as_rows(leaks)
    msg.table(rows, header=header, divider=True, aligns=("l", "l", *("r" for _ in header[2:])))
    for leak in leaks:
        for test, train, similarity in leak.examples[:examples]:
            msg.text(f"{leak.test} in {leak.train}, {similarity:.2f}:")
            msg.text(f"  {test}")
            msg.text(f"  {train}")
    for report in read_scores(scores) if scores is not None else ():
        counts = DocumentCounts.from_dict(report["documents"])
        for leak in leaks:
            if Path(leak.test).name == report["data"]["file"]:
                msg.text(f1_in_words(counts, leak))
    if output is not None:
        with Outputs() as outputs:
            write_json(outputs.temporary(output), [leak.to_dict() for leak in leaks])
        msg.good(str(output))
