"""Examples made of Docs, and variants of them, that keep what their corpus annotates."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_bioner.corpora.annotations import Annotation, get_annotation, set_annotation
from spacy_bioner.corpora.relation_records import ARGUMENTS, RELATIONS
from spacy_bioner.corpora.task_records import copy_second


def with_same_tokens(doc: Doc) -> Doc:
    """A Doc with the tokens and spaces of another, where its second text begins, and nothing else of it."""
    spaces = [bool(token.whitespace_) for token in doc]
    made = Doc(doc.vocab, words=[token.text for token in doc], spaces=spaces)
    copy_second(doc, made)
    return made


def augmented(
    augmenter: Callable[[Language, Example], Iterator[Example]], nlp: Language, example: Example
) -> Iterator[Example]:
    """The variants of an example, each with what the corpus annotates, and gold beside `doc.ents`.

    spaCy's augmenters copy examples through `Example.to_dict`, which drops a Doc's user data: then every type
    counts as annotated, and what other corpora call a gene is taught as none.
    """
    annotation = get_annotation(example.reference)
    for variant in augmenter(nlp, example):
        reference = variant.reference
        if annotation is not None and get_annotation(reference) is None:
            if [token.idx for token in reference] == [token.idx for token in example.reference]:
                kept = annotation
                for name in (RELATIONS, ARGUMENTS):
                    reference._.set(name, example.reference._.get(name))
            else:  # nothing is known of what isn't in `doc.ents`
                unknown = _all_unknown(annotation, reference)
                kept = replace(annotation, more=(), unknown=unknown, untaught=(), relations=None)
            set_annotation(reference, kept)
        yield Example(with_same_tokens(reference), reference)


def _all_unknown(annotation: Annotation, doc: Doc) -> tuple[tuple[str, int, int], ...]:
    """Where places beside `doc.ents` are lost: nothing is known of their types in the Doc."""
    lost = {own for own, _ in annotation.more}
    lost |= {own for own, *_ in (*annotation.unknown, *annotation.untaught)}
    return tuple((own, 0, len(doc.text)) for own in sorted(lost))
