"""`spacy bioner score`: relations, labels of texts, pairs of texts and answers."""

from pathlib import Path
from typing import Any

import typer

from spacy_bioner.cli import verb
from spacy_bioner.terminal import msg


@verb("score")
def score_cli(
    model: str = typer.Argument(..., help="Pipeline: the name of a package, or a folder"),
    data: Path = typer.Argument(..., help=".spacy file"),
    train: list[Path] = typer.Option([], help=".spacy file of the training, for a bag of words beside it"),
    output: Path = typer.Option(None, help="JSON file for the scores"),
    gpu_id: int = typer.Option(-1, help="GPU to use; -1 for the CPU"),
) -> None:
    """Score a pipeline on other tasks than entities: relations, labels of texts, pairs of texts, answers.

    Relations are scored between gold entities, and also between those that the pipeline finds, if it finds
    any. Beside the scores is what can be had without an encoder.
    """
    from spacy_bioner.evaluation.task_evaluation import evaluate_tasks

    scores = evaluate_tasks(model, data, train=train, output=output, gpu_id=gpu_id)
    _print(scores)
    if output is not None:
        msg.good(str(output))


def _print(scores: dict[str, Any]) -> None:
    """Prints the numbers, and scores by label as a table."""
    from spacy_bioner.evaluation.task_evaluation import PARTS

    rows = [(name, _number(value)) for name, value in scores.items() if isinstance(value, int | float)]
    found = scores.get("predicted_entities", {})
    rows += [(f"{name} from found entities", _number(v)) for name, v in found.items() if isinstance(v, float)]
    rows += [(part, "none to score") for part in PARTS if _is_empty(scores, part)]
    rows += [(f"without encoder: {name}", _number(value)) for name, value in scores["trivial"].items()]
    msg.table(rows, aligns=("l", "r"))
    for label, count in scores.get("unknown_labels", {}).items():
        msg.warn(f"'{label}' is a label that the pipeline doesn't know: {count:,} aren't scored")
    for values in scores.values():
        if isinstance(values, dict) and values and all(_is_score(value) for value in values.values()):
            table = [(name, *(_number(value[key]) for key in "prf")) for name, value in values.items()]
            msg.table(table, header=("", "p", "r", "f"), divider=True, aligns=("l", "r", "r", "r"))


def _is_empty(scores: dict[str, Any], part: str) -> bool:
    """Whether the pipeline has scores of a part, and the data nothing to score."""
    own = [value for name, value in scores.items() if name.startswith(part)]
    return bool(own) and all(value is None for value in own)


def _is_score(value: Any) -> bool:
    return isinstance(value, dict) and {"p", "r", "f"} <= value.keys()


def _number(value: float) -> str:
    return f"{100 * value:.2f}" if isinstance(value, float) else f"{value:,}"
