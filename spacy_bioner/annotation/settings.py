"""The settings of annotation, and checks that a pipeline can do what they ask."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from spacy.language import Language

from spacy_bioner.annotation.table_inputs import NO_TABLES, TableColumns
from spacy_bioner.annotation.tables import TABLES
from spacy_bioner.components.pipelines import bioners, entity_finders, entity_types, set_precision
from spacy_bioner.documents.formats import FORMATS, READ_FORMATS, SPACY, WRITTEN_FORMATS
from spacy_bioner.errors import ConversionError, PipelineError

FLAT = ("columns", SPACY)
"""The formats that hold tokens, and so no mentions that overlap."""
EXISTING = ("replace", "add", "fill")
"""What may become of the mentions that the input has."""
MAX_LENGTH = 200_000
PART_SIZE = 1000
BATCH_SIZE = 128
"""Documents go through in batches of the pipeline's own size, but not larger: spaCy's default, 1,000, takes
gigabytes where they are abstracts, and is no faster."""
BATCH_CHARACTERS = 200_000
"""The most characters of a batch of several texts: those of 128 abstracts."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How documents are annotated.

    Attributes:
        to: the format that is written.
        source: the format of the inputs; found from their content, if empty.
        threshold: the probability that a mention of a type needs, "*" for the types that aren't named; empty
            for what the pipeline's own config says.
        types: the types that are wanted; empty for all.
        existing: what becomes of the input's own mentions: "replace" takes them out, and relations with
            them; "add" keeps them beside the pipeline's; "fill" also leaves out the pipeline's that overlap
            one of them.
        max_length: the most characters that a text may have.
        split_long: whether longer texts are cut into pieces; they are set aside otherwise.
        batch_size: how many texts go through the pipeline together.
        n_process: how many processes work.
        part_size: how many documents make a part.
        columns: where the text is in inputs that are tables.
        empty: whether documents without mentions have a row in a table; None for Parquet's alone.
        precision: what a transformer computes in, see `spacy-bioner.TransformerModel.v1`; empty for what the
            pipeline's config says.
    """

    to: str
    source: str = ""
    threshold: Mapping[str, float] = field(default_factory=dict)
    types: tuple[str, ...] = ()
    existing: str = EXISTING[0]
    max_length: int = MAX_LENGTH
    split_long: bool = False
    batch_size: int = BATCH_SIZE
    n_process: int = 1
    part_size: int = PART_SIZE
    columns: TableColumns = NO_TABLES
    empty: bool | None = None
    precision: str = ""

    def to_json(self) -> dict[str, Any]:
        """The settings as plain data, to compare with those of a later call that goes on with this run."""
        return {**asdict(self), "types": list(self.types)}


def check_settings(settings: Settings) -> None:
    """Raises ConversionError if a format, or what becomes of existing mentions, isn't known."""
    options = (
        ("--to", settings.to, (*WRITTEN_FORMATS, SPACY, *TABLES)),
        ("--from", settings.source, (*READ_FORMATS, SPACY)),
    )
    for option, value, names in options:
        if value not in ("", *names):
            what = "is only read" if option == "--to" else "is only written"
            told = f"'{value}' {what}" if value in FORMATS else f"There is no format '{value}'"
            raise ConversionError(f"{told}: use {option} {', '.join(names)}. [B392]")
    columns = settings.columns
    if columns.text and settings.source:
        raise ConversionError("--text is for tables, which have no --from: leave one of them out. [B393]")
    if (columns.title or columns.id) and not columns.text:
        raise ConversionError(
            "--title and --id name columns of a table: name that of its text with --text. [B394]"
        )
    if settings.existing not in EXISTING:
        raise ConversionError(f"--existing {settings.existing}: use {', '.join(EXISTING)}. [B395]")


def prepare(nlp: Language, settings: Settings) -> None:
    """Has a pipeline work as the settings say, and checks that it can.

    Raises:
        PipelineError: if it finds no entities, has no such type, gives no scores for a threshold, or has no
            transformer whose precision can be chosen.
    """
    if not entity_finders(nlp):
        raise PipelineError(
            "The pipeline finds no entities: it has no component that writes to doc.ents. [B396]"
        )
    labels = entity_types(nlp)
    named = [*settings.types, *(name for name in settings.threshold if name != "*")]
    unknown = [name for name in named if name not in labels]
    if labels and unknown:
        raise PipelineError(
            f"The pipeline has no entity type {', '.join(unknown)}; it knows {', '.join(labels)}. [B397]"
        )
    if settings.precision:
        set_precision(nlp, settings.precision)
    heads = bioners(nlp)
    if settings.threshold and not heads:
        raise PipelineError(
            "The pipeline gives no scores, as it has no `bioner`: leave out --threshold. [B398]"
        )
    for pipe in heads:
        if settings.threshold:
            wanted = {name: v for name, v in settings.threshold.items() if name in ("*", *pipe.written)}
            pipe.threshold = {**pipe.threshold, **wanted} if "*" not in wanted else wanted
    nlp.max_length = max(nlp.max_length, settings.max_length)
