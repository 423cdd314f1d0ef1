"""Exporting a pipeline as checkpoints of transformers (`spacy bioner to-hf`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spacy.language import Language

from spacy_bioner.components.pipelines import find_bioner, load_pipeline
from spacy_bioner.corpora.sources import open_source
from spacy_bioner.documents.formats.columns import ColumnOptions
from spacy_bioner.errors import OutputError, PipelineError
from spacy_bioner.files import Outputs, holds_other
from spacy_bioner.huggingface.fitting import fit_classifier
from spacy_bioner.huggingface.hub_card import make_hub_card
from spacy_bioner.huggingface.to_huggingface import Agreement, Classifier, agreement, to_hf, write_classifier


@dataclass(frozen=True, slots=True)
class Exported:
    """A checkpoint that was written.

    Attributes:
        folder: where.
        classifier: the token classifier in it.
        agreement: how far it finds what the pipeline finds; None without a sample.
    """

    folder: Path
    classifier: Classifier
    agreement: Agreement | None


def export_pipeline(
    model: str | Path | Language,
    output: Path,
    *,
    per_type: bool = False,
    fit: Sequence[str] | None = None,
    sample: Sequence[str] = (),
) -> list[Exported]:
    """Writes a pipeline as a checkpoint, or one checkpoint a type; see `to_huggingface`.

    Args:
        model: the name of a package, a folder, or a pipeline that is loaded.
        output: the folder to write.
        per_type: whether to write a checkpoint for each type, in folders of their names.
        fit: texts on which it learns to find what the pipeline finds, see `fitting`; heads are folded into
            one label set and no more if None.
        sample: texts on which predictions are compared.

    Raises:
        BionerError: if the pipeline can't be read, can't be a token classifier or has nothing to fit, or
            something else stands at the output. Nothing is written then.
    """
    by_type = all((path / "config.json").is_file() for path in output.glob("*"))
    if holds_other(output, "config.json") and not by_type:
        raise OutputError(f"{output} holds something else than a checkpoint: name another folder. [B471]")
    nlp = load_pipeline(model) if isinstance(model, str | Path) else model
    exported = []
    with Outputs() as outputs:
        temporary = outputs.temporary(output, folder=True)
        for name, types in (_folders(nlp) if per_type else {"": ()}).items():
            classifier = to_hf(nlp, types)
            if fit is not None:
                classifier = fit_classifier(nlp, classifier, fit)
            write_classifier(classifier, temporary / name)
            same = agreement(nlp, temporary / name, classifier.types, sample) if sample else None
            card = make_hub_card(nlp, classifier, same)
            (temporary / name / "README.md").write_text(card, encoding="utf8")
            exported.append(Exported(output / name, classifier, same))
    return exported


def _folders(nlp: Language) -> dict[str, tuple[str, ...]]:
    """The folder of each type, by its name."""
    labels = find_bioner(nlp).labels
    folders: dict[str, tuple[str, ...]] = {_folder_name(label): (label,) for label in labels}
    if len({name.lower() for name in folders}) < len(labels) or {".", ".."} & set(folders):
        raise PipelineError(f"The types can't all be names of folders: {', '.join(labels)}. [B472]")
    return folders


def _folder_name(label: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in label)


def read_texts(path: Path, source: str = "") -> list[str]:
    """The texts of a file or folder of any format.

    Args:
        path: the file or folder.
        source: its format, unless it is a .spacy file; found from the content if empty.

    Raises:
        FormatError: if it can't be read.
    """
    documents = open_source(path, ColumnOptions(), "" if path.suffix == ".spacy" else source).documents()
    return [document.text for document in documents]
