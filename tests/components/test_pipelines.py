"""Finding the components of a pipeline that matter here."""

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_bioner.components.pipelines import bioners, entity_types, find_bioner, label_maps, spans_keys
from spacy_bioner.errors import PipelineError


class Trained:
    """A component as others write them: trainable, and without `cfg`."""

    is_trainable = True

    def __call__(self, doc: Doc) -> Doc:
        return doc


@Language.factory("bioner_test_without_cfg")
def make_trained(nlp: Language, name: str) -> Trained:
    return Trained()


def test_components_of_others_are_passed_by():
    nlp = spacy.blank("en")
    nlp.add_pipe("bioner_test_without_cfg")
    assert (bioners(nlp), label_maps(nlp), spans_keys(nlp), entity_types(nlp)) == ([], {}, [], [])
    with pytest.raises(PipelineError, match="has no `bioner`"):
        find_bioner(nlp)
    nlp.add_pipe("bioner", config={"label_map": {"GENE": "Gene"}}).add_label("Gene")
    nlp.add_pipe("bioner", "second", config={"spans_key": "other", "types": ["Drug"]}).add_label("Drug")
    assert label_maps(nlp) == {"GENE": "Gene"}
    assert spans_keys(nlp) == ["bioner", "other"]
    assert entity_types(nlp) == ["Drug", "Gene"]
    with pytest.raises(PipelineError, match="has 2 `bioner`"):
        find_bioner(nlp)
