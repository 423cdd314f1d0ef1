"""Readers of training and evaluation data, for the [corpora] of a config."""

from collections.abc import Callable, Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_bioner.docbin import read_docbin
from spacy_bioner.errors import PipelineError


def create_corpus(path: Path | None, limit: int = 0) -> Callable[[Language], Iterator[Example]]:
    """Makes `spacy-bioner.Corpus.v1`: reads a .spacy file, with the corpus's own tokens.

    spaCy's own reader splits the text anew with the pipeline's tokenizer, and mentions that don't end where
    its tokens end are lost to training without a word. Here the Doc to be predicted has the tokens of the
    gold Doc; which corpus that is from and what it annotates stays with it (see `spacy_bioner.annotations`).

    Args:
        path: the .spacy file.
        limit: how many Docs to read; 0 for all.

    Raises:
        PipelineError: if there is no path.
        FormatError: when it is read, if there is no such file, or it isn't a .spacy file.
    """
    if path is None:
        raise PipelineError("No data: set paths.train and paths.dev to .spacy files.")

    def read(nlp: Language) -> Iterator[Example]:
        docs = read_docbin(Path(path), nlp.vocab)
        for reference in docs[: limit or None]:
            if len(reference):
                yield Example(with_same_tokens(reference), reference)

    return read


def with_same_tokens(doc: Doc) -> Doc:
    """A Doc with the tokens and spaces of another, and nothing else of it."""
    spaces = [bool(token.whitespace_) for token in doc]
    return Doc(doc.vocab, words=[token.text for token in doc], spaces=spaces)
