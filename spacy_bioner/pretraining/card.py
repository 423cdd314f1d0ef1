"""The last step of pretraining: a model card, from what training wrote down."""

from collections import Counter
from pathlib import Path
from typing import Any

from spacy_bioner.errors import FormatError
from spacy_bioner.files import Outputs
from spacy_bioner.markdown import table
from spacy_bioner.pretraining.documents import RECORD, read_manifest

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
        text = card(record, name or model.resolve().name)
    except (KeyError, TypeError, IndexError) as error:
        raise FormatError(model / RECORD, None, f"{error} isn't in it: train again") from None
    with Outputs() as outputs:
        outputs.temporary(model / CARD).write_text(text, encoding="utf8")
    return model / CARD


def card(record: dict[str, Any], name: str) -> str:
    """The text of a model card.

    Args:
        record: what training wrote of itself.
        name: the name of the encoder.
    """
    settings, data, curve = record["settings"], record["data"], record["curve"]
    text, vocabulary, last = data["text"], data["vocabulary"], curve[-1]
    long_share = f", {settings['long_length']} in the last {settings['long_share']:.0%} of the run"
    facts = {
        "architecture": f"BERT, {settings['layers']} layers of {settings['width']}, {settings['heads']} "
        f"heads, {settings['positions']} positions",
        "parameters": f"{record['parameters'] / 1e6:.1f} million, in 16 bits on disk",
        "vocabulary": f"{vocabulary['size']:,} word pieces, {'cased' if vocabulary['cased'] else 'uncased'}",
        "text": f"{text['words']:,} words in {text['documents']:,} documents, {data['pieces']:,} word pieces",
        "objective": f"masked words ({settings['masked']:.0%} of the words, all pieces of a word together)",
        "sequences": f"{settings['length']} pieces{long_share if settings['long_share'] else ''}",
        "updates": f"{record['step']:,} of {settings['batch']:,} pieces; AdamW, learning rate "
        f"{settings['learning_rate']:g}, rising for {settings['warmup']:.0%} of the run, then falling to 0",
        "pieces seen": f"{_sum(record, 'pieces'):,} ({_sum(record, 'epochs'):.2f} epochs)",
        "time": f"{_sum(record, 'seconds') / 3600:.2f} hours on {record['hardware']}, {record['precision']}",
        "seed": str(settings["seed"]),
        "software": ", ".join(f"{package} {version}" for package, version in record["versions"].items()),
    }
    if start := record.get("start_from"):
        facts["begun with"] = (
            f"the weights of an earlier run (SHA-256 {start['sha256']}): {start['step']:,} updates, "
            f"{start['pieces']:,} pieces, {start['curve'][-1]['held_out_accuracy']:.1%} right"
        )
    if not record["finished"]:
        facts["state"] = f"taken at {last['share']:.0%} of the run, before the learning rate had fallen to 0"
    points = [
        (
            f"{point['share']:.0%}",
            f"{point['step']:,}",
            f"{point['pieces'] / 1e6:,.1f}",
            f"{point['held_out_loss']:.3f}",
            f"{point['held_out_accuracy']:.1%}",
        )
        for point in curve
    ]
    return (
        "\n\n".join(
            [
                f"# {name}",
                "An encoder of English biomedical text, pretrained as a masked language model from random "
                "weights. It is meant to be fine-tuned, for named entity recognition above all.",
                table(("", ""), facts.items()),
                "## Text",
                *_text(text),
                "## On held-out text",
                f"{last['held_out_accuracy']:.1%} of the masked word pieces guessed right in documents that "
                f"were not trained on ({data['held_out']['pieces']:,} word pieces held out, the first "
                f"{settings['evaluation_pieces']:,} of them at most looked at).",
                table(("run", "updates", "million pieces", "loss", "right"), points),
                "## Limits",
                _limits(record),
            ]
        )
        + "\n"
    )


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


def _sum(record: dict[str, Any], key: str) -> Any:
    """A figure of a run and of those whose weights it began with."""
    start = record.get("start_from")
    return record[key] + (_sum(start, key) if start else 0)


def _limits(record: dict[str, Any]) -> str:
    """What a reader must know before using it."""
    words = record["data"]["text"]["words"]
    return (
        f"It is small and has seen {_sum(record, 'pieces') / 1e6:,.0f} million word pieces of a text of "
        f"{words / 1e6:,.0f} million words; the field's large encoders have seen billions. It knows English "
        "alone. What the text says, right or wrong or out of date, is in the weights: it is no source of "
        "medical knowledge, and its guesses at masked words are no statements of fact."
    )
