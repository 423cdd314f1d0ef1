"""The last step of pretraining: a model card, from what training wrote down."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy_bioner.errors import FormatError
from spacy_bioner.files import Outputs
from spacy_bioner.markdown import table
from spacy_bioner.pretraining.text_files import RECORD, read_manifest

CARD = "README.md"


def write_card(model: Path, name: str = "") -> Path:
    """Writes a model card beside weights.

    Args:
        model: a folder of weights that training wrote.
        name: the name of the encoder; its folder's if empty.

    Returns:
        The card.

    Raises:
        FormatError: if the folder has no record of its training, or one that lacks something.
    """
    record = read_manifest(model, RECORD, "pretrain")
    try:
        text = make_encoder_card(record, name or model.resolve().name)
    except (KeyError, TypeError, IndexError) as error:
        raise FormatError(model / RECORD, None, f"{error} isn't in it: train again [B496]") from None
    with Outputs() as outputs:
        outputs.temporary(model / CARD).write_text(text, encoding="utf8")
    return model / CARD


def make_encoder_card(record: dict[str, Any], name: str) -> str:
    """The text of a model card.

    Args:
        record: what training wrote of itself.
        name: the name of the encoder.
    """
    settings, data, runs = record["settings"], record["data"], _runs(record)
    published = _published(runs[0])
    begun = f"the weights of {published['name']}" if published else "random weights"
    last = record["curve"][-1]
    texts = [run["data"] for run in runs if "data" in run]  # a run on the next one's text doesn't repeat it
    pieces = sum(run["pieces"] for run in runs)
    return (
        "\n\n".join(
            [
                f"# {name}",
                f"An encoder of English biomedical text, pretrained as a masked language model from {begun}. "
                "It is meant to be fine-tuned, for named entity recognition above all.",
                table(("", ""), _facts(record, runs, texts).items()),
                "## Text",
                *(part for text in _distinct(texts) for part in _text(text)),
                "## On held-out text",
                f"{last['held_out_accuracy']:.1%} of the masked word pieces guessed right in documents that "
                f"were not trained on ({data['held_out']['pieces']:,} word pieces held out, the first "
                f"{settings['evaluation_pieces']:,} of them at most looked at).",
                table(("run", "updates", "million pieces", "loss", "right"), _points(runs)),
                "## Limits",
                _limits(pieces, sum(text["words"] for text in _distinct(texts))),
            ]
        )
        + "\n"
    )


def _facts(
    record: dict[str, Any], runs: list[dict[str, Any]], texts: list[dict[str, Any]]
) -> dict[str, str | None]:
    """The table of a card: what the encoder is, and how it was made."""
    settings, vocabulary, last = record["settings"], record["data"]["vocabulary"], record["curve"][-1]
    published = _published(runs[0])
    long_share = f", {settings['long_length']} in the last {settings['long_share']:.0%} of the run"
    pieces, epochs = (sum(run[key] for run in runs) for key in ("pieces", "epochs"))
    return {
        "architecture": f"BERT, {settings['layers']} layers of {settings['width']}, {settings['heads']} "
        f"heads, {settings['positions']} positions",
        "parameters": f"{record['parameters'] / 1e6:.1f} million, in 16 bits on disk",
        "vocabulary": f"{vocabulary['size']:,} word pieces, {'cased' if vocabulary['cased'] else 'uncased'}",
        "text": "; then ".join(_amounts(texts)),
        "objective": f"masked words ({settings['masked']:.0%} of the words, all pieces of a word together)",
        "sequences": f"{settings['length']} pieces{long_share if settings['long_share'] else ''}",
        "begun with": ", ".join(f"{key} {value}" for key, value in published.items()) or None,
        "runs": f"{len(runs)}, each begun with the weights of the one before" if len(runs) > 1 else None,
        "updates": "; then ".join(map(_updates, runs)),
        "pieces seen": f"{pieces:,}" + (f" ({epochs:.2f} epochs)" if len(texts) == 1 else ""),
        "time": "; then ".join(
            f"{run['seconds'] / 3600:.2f} hours on {run['hardware']}, {run['precision']}" for run in runs
        ),
        "seed": ", ".join(str(run["settings"]["seed"]) for run in runs),
        "software": "; then ".join(
            dict.fromkeys(
                ", ".join(f"{package} {version}" for package, version in run["versions"].items())
                for run in runs
            )
        ),
        "state": None
        if record["finished"]
        else f"taken at {last['share']:.0%} of the run, before the learning rate had fallen to 0",
    }


def _amounts(texts: list[dict[str, Any]]) -> Iterator[str]:
    """How much text the packed files of runs hold."""
    for number, data in enumerate(texts):
        text = data["text"]
        if any(text == before["text"] for before in texts[:number]):
            yield f"{data['pieces']:,} word pieces of the same text"
        else:
            yield (
                f"{text['words']:,} words in {text['documents']:,} documents, {data['pieces']:,} word pieces"
            )


def _distinct(texts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The texts of packed files, each once: runs may have packed one anew, or parts of it."""
    found: list[dict[str, Any]] = []
    for data in texts:
        if data["text"] not in found:
            found.append(data["text"])
    return found


def _points(runs: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """A row for each look at held-out text."""
    return [
        (
            f"{number}, {point['share']:.0%}" if len(runs) > 1 else f"{point['share']:.0%}",
            f"{point['step']:,}",
            f"{point['pieces'] / 1e6:,.1f}",
            f"{point['held_out_loss']:.3f}",
            f"{point['held_out_accuracy']:.1%}",
        )
        for number, run in enumerate(runs, start=1)
        for point in run["curve"]
    ]


def _text(text: dict[str, Any]) -> list[str]:
    """What the text is, where it is from, and what was taken out of it."""
    sources: Counter[tuple[str, str]] = Counter()
    for source in text["sources"]:
        sources[source["source"], source["licence"]] += source["words"]
    licences: Counter[str] = Counter()
    for (_, licence), words in sources.items():
        licences[licence] += words
    corpora = sorted({entry["corpus"] for entry in text["overlap"]})
    checked = (
        "Paragraphs with a sentence of eight words or more of a development or test split of these corpora "
        f"were taken out ({text['rules'].get('overlap', 0):,}): {', '.join(corpora)}."
        if corpora
        else "It was not compared with any labelled corpus: test sentences may be in it."
    )
    if not sources:
        return ["Where the text is from was not written down.", checked]
    return [
        table(("licence", "words"), ((licence, f"{words:,}") for licence, words in licences.most_common())),
        table(
            ("source", "licence", "words"),
            ((source, licence, f"{words:,}") for (source, licence), words in sources.most_common()),
        ),
        "Words are counted before cleaning. " + checked,
    ]


def _runs(record: dict[str, Any]) -> list[dict[str, Any]]:
    """A run's record and those of the runs whose weights it began with, the first one first."""
    start = record.get("start_from", {})
    return [*(_runs(start) if "settings" in start else []), record]


def _published(first: dict[str, Any]) -> dict[str, Any]:
    """The published encoder that the first run began with, and its checksum; empty for random weights."""
    start = first.get("start_from", {})
    return start["published"] | {"sha256": start["sha256"]} if "published" in start else {}


def _updates(run: dict[str, Any]) -> str:
    settings = run["settings"]
    return (
        f"{run['step']:,} of {settings['batch']:,} pieces; AdamW, learning rate "
        f"{settings['learning_rate']:g}, rising for {settings['warmup']:.0%} of the run, then falling to 0"
    )


def _limits(pieces: int, words: int) -> str:
    """What a reader must know before using it, from the word pieces seen and the words of the text."""
    return (
        f"In these runs it has seen {pieces / 1e6:,.0f} million word pieces of a text of {words / 1e6:,.0f} "
        "million words; the field's large encoders have seen billions. It knows English alone. What the text "
        "says, right or wrong or out of date, is in the weights: it is no source of medical knowledge, and "
        "its guesses at masked words are no statements of fact."
    )
