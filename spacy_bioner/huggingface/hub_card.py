"""The model card of a token classifier that was made of a pipeline."""

from spacy.language import Language

from spacy_bioner.corpora.provenance import META_KEY
from spacy_bioner.huggingface.to_huggingface import Agreement, Classifier
from spacy_bioner.markdown import table
from spacy_bioner.training.card import front_matter, hub_licence, licences_of

_USE = """```python
from transformers import pipeline

find = pipeline("token-classification", model=FOLDER, aggregation_strategy="first")
find("Cisplatin-induced nephrotoxicity was attenuated in Tp53-deficient mice.")
```"""

_SAME = (
    "Labels and weights are the pipeline's own. What may differ: a pipeline has tokens of its own, and one "
    "label for each, where transformers takes what its tokenizer counts as a word (with word pieces as "
    "BERT's, text between spaces and punctuation; with others, text between spaces); and it reads long texts "
    "in windows, where transformers cuts them off."
)
_HEADS = (
    "The pipeline has a head for each type, and finds the best path. What no token classifier has: that **I "
    "follows nothing but B or I** (transformers takes any I for the beginning of an entity); **overlapping "
    "types**, of which one is left; **Unicode in ASCII**, if the pipeline folds texts for its encoder"
)
_TRANSITIONS = "; **transitions** between labels, which its heads were trained with"
_MEAN = "; and the **mean of a token's word pieces**, where transformers takes the first"
_FOLDED = (
    "Here all heads are **folded** into one label set, and no more: the share of B-T or I-T beside O is "
    "exp(B - O) or exp(I - O) of type T's head, which is exact where only one type can be."
)
_FAR = " Predictions are far from the pipeline's: `spacy bioner to-hf ... --fit TEXTS` makes better ones."
_FITTED = (
    "Here all heads were folded into one label set, and then all weights, the encoder's too, were **fitted** "
    "to what the pipeline finds, as if that were gold"
)


def _differences(classifier: Classifier) -> str:
    """How what was made may differ from its pipeline."""
    if classifier.same_weights:
        return _SAME
    transitions = _TRANSITIONS if classifier.transitions else ""
    lost = f"{_HEADS}{transitions}{'' if classifier.first_piece else _MEAN}."
    folded = f"{_FOLDED}{_FAR if classifier.lossy else ''}"
    made = folded if classifier.fit is None else f"{_FITTED}: {classifier.fit}."
    return f"{lost}\n\n{made}"


def make_hub_card(nlp: Language, classifier: Classifier, agreement: Agreement | None) -> str:
    """The text of the card, with its header.

    Args:
        nlp: the pipeline.
        classifier: what was made of it.
        agreement: how its predictions compare with the pipeline's.
    """
    made = nlp.meta.get(META_KEY, {})
    name = f"{nlp.meta['lang']}_{nlp.meta['name']}"
    encoder = made.get("encoder") or {}
    header = front_matter(
        {
            "language": nlp.meta["lang"],
            "license": hub_licence(licences_of(nlp.meta)),
            "library_name": "transformers",
            "pipeline_tag": "token-classification",
            "base_model": encoder.get("hub"),
            "tags": ["biomedical", "named-entity-recognition"],
        }
    )
    facts = {
        "made of": f"{name} {nlp.meta['version']}, a pipeline of spacy-bioner",
        "entity types": ", ".join(classifier.types),
        "labels": ", ".join(classifier.model.config.id2label.values()),
        "encoder": encoder.get("name") or None,
        "encoder's revision": encoder.get("revision") or None,
        "corpora": ", ".join(entry["name"] for entry in made.get("corpora", ())) or None,
        "licences": "; ".join(licences_of(nlp.meta)) or "not known",
    }
    compared = (
        'On a sample, transformers\' pipeline (`aggregation_strategy="first"`) beside the pipeline itself: '
        f"{agreement}."
        if agreement is not None
        else "Predictions were not compared with the pipeline's: `spacy bioner to-hf ... --sample FILE` does."
    )
    parts = [f"# {name}, as a token classifier", table(("", ""), facts.items()), "## Use", _USE]
    parts += ["## Beside the pipeline that it was made of", _differences(classifier), compared]
    return header + "\n\n".join(parts) + "\n"
