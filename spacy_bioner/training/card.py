"""Writing model cards from a pipeline's meta and its evaluations."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spacy_bioner.corpora.provenance import META_KEY
from spacy_bioner.errors import PipelineError
from spacy_bioner.markdown import table

README = "README.md"
HUB_LICENCES = ("mit", "apache-2.0", "cc0-1.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0")
"""Licences of the catalogues by the names that the Hugging Face hub has for them."""

_SCORES = ("precision", "recall", "f1")
_LONG = ("documents", "curves")  # what an evaluation has for each document and threshold: megabytes


def hub_licence(licences: Iterable[str]) -> str:
    """What the hub calls the licence of something that several go into: its name for it, or "other".

    The hub refuses what isn't in its list. Several licences, or one with an addition, are "other": the card's
    text has them in full.
    """
    names = {re.sub(r"\s+", "-", licence.strip()).lower() for licence in licences if licence.strip()}
    return names.pop() if len(names) == 1 and names <= set(HUB_LICENCES) else "other"


def licences_of(meta: Mapping[str, Any], *, encoder: bool = True) -> list[str]:
    """The licences of all corpora that a pipeline learned from, and of its encoder if that is wanted.

    What is made of something whose licence isn't known has, among the others, "not known".
    """
    found = []
    made = meta.get(META_KEY, {})
    while made:
        entries = [(made.get("encoder") or {}) if encoder else {}, *made.get("corpora", ())]
        found += [entry.get("licence") or "not known" for entry in entries if entry]
        made = made.get("started_from") or {}
    return list(dict.fromkeys(found))


def check_reports(meta: Mapping[str, Any], reports: Sequence[Mapping[str, Any]]) -> None:
    """Raises PipelineError if an evaluation is of another pipeline."""
    own = (f"{meta['lang']}_{meta['name']}", meta["version"])
    for report in reports:
        other = (report.get("pipeline"), report.get("version"))
        if other != own:
            raise PipelineError(
                f"The scores are those of {other[0]} {other[1]}, and the "
                f"pipeline is {own[0]} {own[1]}. [B416]"
            )


def complete_meta(meta: Mapping[str, Any], reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A pipeline's meta as `spacy huggingface-hub push` wants it.

    Its `license` becomes one that the hub knows, unless somebody has given the pipeline one. Where there are
    evaluations, its `performance` has the scores of the first by the names that spaCy has for them, and our
    part of it all of them, but for what they say of single documents and thresholds.

    Args:
        meta: the meta.
        reports: evaluations of `spacy bioner evaluate`.
    """
    made = dict(meta)
    licences = licences_of(meta)
    if meta.get("license", "") in ("", "; ".join(licences_of(meta, encoder=False))):
        made["license"] = "other" if hub_licence(licences) == "other" else licences[0]
    entries = meta.get(META_KEY, {}).get("corpora", [])
    made["sources"] = [{"name": entry["name"], "license": entry["licence"]} for entry in entries]
    if reports:
        first = reports[0]
        scores = {f"ents_{key[0]}": first["total"][key] for key in _SCORES}
        by_type = {name: {key[0]: score[key] for key in _SCORES} for name, score in first["types"].items()}
        made["performance"] = {**scores, "ents_per_type": by_type, "speed": first["tokens_per_second"]}
        shown = [{key: value for key, value in report.items() if key not in _LONG} for report in reports]
        made[META_KEY] = {**meta.get(META_KEY, {}), "evaluations": shown}
    return made


def make_card(meta: Mapping[str, Any], reports: Sequence[Mapping[str, Any]] = ()) -> str:
    """The text of a pipeline's model card, without the header that `spacy huggingface-hub push` adds.

    Args:
        meta: the pipeline's meta; its "notes", where spaCy has them, stand at the head of its limits.
        reports: evaluations of `spacy bioner evaluate`; scores are those of the training's development data
            without.
    """
    made = meta.get(META_KEY, {})
    name = f"{meta['lang']}_{meta['name']}"
    types = list(dict.fromkeys(t for labels in meta.get("labels", {}).values() for t in labels))
    facts = {
        "version": meta["version"],
        "spaCy": meta.get("spacy_version", ""),
        "components": ", ".join(meta.get("pipeline", ())),
        "entity types": ", ".join(types),
        **_encoder_facts(made.get("encoder")),
        "seed": made.get("seed"),
        "licences of what it was made of": "; ".join(licences_of(meta)) or "not known",
    }
    parts = [f"# {name}", meta.get("description", ""), table(("", ""), facts.items())]
    parts += ["## Use", _USE.format(name=name), "## Scores", *_scores(meta, reports)]
    parts += ["## Corpora", *_corpora(made), "## How it was made", *_making(made)]
    parts += [
        "## Limits",
        meta.get("notes", ""),
        ("" if "linker" in meta.get("pipeline", ()) else _NOT_LINKED) + _LIMITS,
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


_USE = """```python
import spacy
from spacy_bioner.components.spans import scored_spans

nlp = spacy.load("{name}")
doc = nlp("Cisplatin-induced nephrotoxicity was attenuated in Tp53-deficient mice.")
for span, probability in scored_spans(doc):
    print(span.start_char, span.end_char, span.label_, span.text, round(probability, 2))
```"""

_NOT_LINKED = "It finds mentions by their text, and doesn't say which entry of a database they mean. "
_LIMITS = (
    "It knows the types above alone, as the guidelines of their corpora define them; scores fall on other "
    "kinds of text than theirs, such as clinical notes or full articles where they are abstracts.\n\n"
    "It is no medical device: nothing that it finds or misses is a ground for treating anybody."
)


def _encoder_facts(encoder: Mapping[str, Any] | None) -> dict[str, Any]:
    if not encoder:
        return {"encoder": "none that was pretrained"}
    where = encoder.get("hub") or encoder.get("source")
    return {
        "encoder": f"{encoder['name']} ({where})",
        "encoder's revision": encoder.get("revision") or "not known",
        "encoder's weights, SHA-256": encoder.get("weights_sha256"),
        "encoder's licence": encoder.get("licence") or "not known",
        "encoder's citation": encoder.get("citation") or None,
    }


def _scores(meta: Mapping[str, Any], reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """Scores by type, each with the corpus, its variant and its split."""
    if not reports:
        performance = meta.get("performance", {})
        rows = [
            (name, *(f"{100 * score[key]:.2f}" for key in "prf"))
            for name, score in (performance.get("ents_per_type") or {}).items()
        ]
        if not rows:
            return ["Not evaluated."]
        return [
            "Strict, in percent, on the development data that the weights were chosen on: not to be compared "
            "with scores on test data.",
            table(("type", "P", "R", "F1"), rows),
        ]
    parts = ["Offsets and type have to be right, in percent; relaxed: a character in common is enough."]
    for report in reports:
        variants = report["corpus_variants"]
        corpora = ", ".join(f"{name} ({title})" if title else name for name, title in variants.items())
        file = report["data"]["file"]
        relaxed = {**report["relaxed"]["types"], "all": report["relaxed"]["total"]}
        scores = (*report["types"].items(), ("all", report["total"]))
        rows = [
            (
                name,
                *(f"{100 * score[key]:.2f}" for key in _SCORES),
                f"{100 * relaxed[name]['f1']:.2f}",
                f"{score['gold']:,}",
            )
            for name, score in scores
        ]
        parts += [
            f"**{f'{corpora}, {file}' if corpora else file}**: {report['docs']:,} documents, "
            f"tokens from the {report['tokens_from']}, {report['tokens_per_second']:,.0f} tokens a second on "
            f"a {report['device']}" + _calibration(report) + ".",
            table(("type", "P", "R", "F1", "relaxed F1", "gold"), rows),
        ]
    return parts


def _calibration(report: Mapping[str, Any]) -> str:
    error = report.get("calibration_error")
    return "" if error is None else f", probabilities off by {error:.3f} on average"


def _corpora(made: Mapping[str, Any]) -> list[str]:
    rows = [
        (
            entry["name"],
            entry.get("variant", ""),
            ", ".join(entry["types"]),
            entry.get("licence") or "not known",
            entry.get("citation") or "",
        )
        for entry in made.get("corpora", ())
    ]
    parts = [table(("corpus", "variant", "types", "licence", "citation"), rows)] if rows else []
    earlier = made.get("started_from") or {}
    if earlier.get("corpora"):
        names = ", ".join(entry["name"] for entry in earlier["corpora"])
        parts.append(f"It went on from a pipeline that was trained on {names}.")
    if made.get("from_hf"):
        origin = made["from_hf"]
        parts.append(
            f"Its weights are those of the token classifier {origin['checkpoint']} of transformers "
            f"({origin['architecture']}); what that was trained on isn't known here."
        )
    return parts or ["Not written down."]


def _making(made: Mapping[str, Any]) -> list[str]:
    """Data, settings and software of the training."""
    rows = [
        (split, file["file"], f"{file['docs']:,}", file["sha256"])
        for split, files in made.get("data", {}).items()
        for file in files
    ]
    parts = [table(("data", "file", "documents", "SHA-256"), rows)] if rows else []
    settings = [(name, value) for name, value in made.get("settings", {}).items() if value is not None]
    parts += [table(("setting", "value"), settings)] if settings else []
    temperatures = ", ".join(f"{name} {value:.2f}" for name, value in made.get("temperature", {}).items())
    if temperatures:
        parts.append(f"Temperatures of probabilities: {temperatures}.")
    thresholds = ", ".join(f"{name} {value:.2f}" for name, value in made.get("threshold", {}).items())
    if thresholds:
        parts.append(f"Thresholds, chosen on the data that the pipeline was chosen on: {thresholds}.")
    software = ", ".join(f"{package} {version}" for package, version in made.get("versions", {}).items())
    if software:
        parts.append(f"Device: {made['device']}. {software}." if made.get("device") else f"{software}.")
    return parts or ["Not written down."]


def front_matter(values: Mapping[str, Any]) -> str:
    """The header of a card on the hub, in YAML; what is empty is left out."""
    from huggingface_hub import ModelCardData  # slow to import

    return f"---\n{ModelCardData(**{key: value for key, value in values.items() if value})}\n---\n\n"
