"""One class that annotates batches of documents, in whatever program sends them.

    annotator = Annotator("en_bioner_sm", text="abstract", title="title", id="pmid")
    found = annotator(frame)

It is sent to workers as its settings alone; each process loads the pipeline once, when it first needs it.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spacy.language import Language

from spacy_bioner.annotation.inputs import Item, SetAside
from spacy_bioner.annotation.prediction import annotated
from spacy_bioner.annotation.rows import COLUMNS, NUMBERS, Row, rows
from spacy_bioner.annotation.settings import BATCH_SIZE, MAX_LENGTH, Settings, prepare
from spacy_bioner.annotation.table_inputs import TableColumns, document_of
from spacy_bioner.components.pipelines import load_pipeline
from spacy_bioner.models.devices import use_device

PROBLEM = "problem"
"""The column that says why a document wasn't annotated; None for all others."""
ERROR = "ERROR"
"""The type in the row of such a document."""
BATCH_COLUMNS = (*COLUMNS, PROBLEM)

_LOADED: dict[tuple[Any, ...], tuple[Language, threading.Lock]] = {}  # of this process
_LOADING = threading.Lock()


class Annotator:
    """Annotates batches of texts: a mapping of columns, a pandas frame or a pyarrow table.

    It may be used by several threads: they take turns, for a pipeline's memory zone can't be shared.

    Args:
        model: the name of a package, or a folder that every worker has.
        text, title, id: the columns of a batch; see `TableColumns`.
        threshold: the probability that a mention of a type needs, "*" for the types that aren't named.
        types: the types that are wanted; all if empty.
        max_length: the most characters that go through the pipeline at once; longer texts are cut and joined.
        batch_size: the texts that go through the pipeline together; `BATCH_SIZE` if 0.
        empty: whether documents without mentions have a row.
        gpu_id: the GPU to use; -1 for the CPU.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        text: str = "text",
        title: str = "",
        id: str = "",
        threshold: Mapping[str, float] | None = None,
        types: Sequence[str] = (),
        max_length: int = MAX_LENGTH,
        batch_size: int = 0,
        empty: bool = True,
        gpu_id: int = -1,
    ) -> None:
        self.model = str(model)
        self.gpu_id = gpu_id
        self.settings = Settings(
            "parquet",
            threshold=dict(threshold or {}),
            types=tuple(types),
            max_length=max_length,
            split_long=True,
            batch_size=batch_size or BATCH_SIZE,
            columns=TableColumns(text, title, id),
            empty=empty,
        )

    def __call__(self, batch: Any) -> Any:
        """Annotates a batch.

        Args:
            batch: the columns of some documents.

        Returns:
            In the same form (a mapping gives one of lists), the rows of all its mentions: `BATCH_COLUMNS`.
            A document without text, or on which the pipeline fails, has a row of type `ERROR`.

        Raises:
            PipelineError: if the pipeline can't be loaded, or fails on every document.
            KeyError: if the batch lacks a column.
        """
        if hasattr(batch, "to_pylist"):  # pyarrow's
            import pyarrow as pa

            return pa.Table.from_pylist(list(self.rows(batch.to_pylist())), arrow_schema())
        if hasattr(batch, "to_dict"):  # pandas'
            import pandas as pd

            found = pd.DataFrame(list(self.rows(batch.to_dict("records"))), columns=list(BATCH_COLUMNS))
            kinds = {**dict.fromkeys(NUMBERS, "Int64"), "probability": "float64"}
            return found.astype(kinds)
        names = list(batch)
        columns = (c.tolist() if hasattr(c, "tolist") else c for c in batch.values())
        records = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
        got = list(self.rows(records))
        return {name: [row[name] for row in got] for name in BATCH_COLUMNS}

    def partitions(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Annotates one batch after the other, as Spark's `mapInPandas` wants it."""
        return map(self, batches)

    def rows(self, records: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
        """Annotates documents, each a mapping with its columns; see `__call__`."""
        items: list[Item | SetAside] = []
        for number, record in enumerate(records, start=1):
            try:
                items.append(Item(document_of(record, self.settings.columns, str(number)), "", number))
            except ValueError as error:
                identifier = str(record.get(self.settings.columns.id) or number)
                items.append(SetAside("", number, identifier, str(error)))
        nlp, lock = self._pipeline()
        with lock:
            results = list(annotated(nlp, items, self.settings, Counter()))
        for result in results:
            if isinstance(result, SetAside):
                yield {
                    **dict.fromkeys(BATCH_COLUMNS),
                    "document": result.id,
                    "type": ERROR,
                    PROBLEM: result.reason,
                }
            else:
                for row in rows(result, empty=bool(self.settings.empty)):
                    yield {**row, PROBLEM: None}

    def _pipeline(self) -> tuple[Language, threading.Lock]:
        """The pipeline of this process with what guards it, loaded at the first call."""
        key = (self.model, self.gpu_id, tuple(sorted(self.settings.threshold.items())), self.settings.types)
        with _LOADING:
            if key not in _LOADED:
                use_device(self.gpu_id)
                nlp = load_pipeline(self.model)
                prepare(nlp, self.settings)
                _LOADED[key] = nlp, threading.Lock()
            nlp, lock = _LOADED[key]
            nlp.max_length = max(nlp.max_length, self.settings.max_length)
            return nlp, lock


def arrow_schema() -> Any:
    """The columns of a batch's rows as a pyarrow schema, for engines that ask for one."""
    import pyarrow as pa

    kinds = {**dict.fromkeys(NUMBERS, pa.int64()), "probability": pa.float64()}
    return pa.schema([(name, kinds.get(name, pa.string())) for name in BATCH_COLUMNS])
