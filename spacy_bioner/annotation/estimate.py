"""What annotating would cost, told from a sample of the inputs: time, memory, the size of the output."""

import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from spacy.language import Language

from spacy_bioner.annotation.annotating import annotate
from spacy_bioner.annotation.inputs import Item, find_inputs, read_items
from spacy_bioner.annotation.progress import count_documents
from spacy_bioner.annotation.settings import Settings, check_settings
from spacy_bioner.components.pipelines import load_pipeline
from spacy_bioner.documents import formats
from spacy_bioner.documents.formats import SPACY
from spacy_bioner.errors import PipelineError
from spacy_bioner.models.devices import use_device

SAMPLE = 500
"""How many documents are annotated to see what that costs."""
_FILES = 10  # from how many inputs they are taken, evenly
_LEAST = 20  # documents of a warm-up


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would cost on this machine, as one process of it.

    Attributes:
        documents: how many documents there are, about.
        sample: how many of them were annotated.
        words: the words (by white space) of all, about.
        seconds: the time that reading, annotating and writing takes, about.
        output_bytes: the size of the output, about; the parts of a run take as much beside it.
        memory_bytes: the most memory that the sample took, the pipeline with it; None on Windows, which
            doesn't tell.
    """

    documents: int
    sample: int
    words: int
    seconds: float
    output_bytes: int
    memory_bytes: int | None

    @property
    def words_per_second(self) -> float:
        """Words of the sample annotated in a second, on this machine."""
        return self.words / max(self.seconds, 1e-9)


def estimate(
    model: str | Path | Language,
    inputs: Iterable[str | Path],
    settings: Settings,
    *,
    gpu_id: int = -1,
    sample: int = SAMPLE,
) -> Estimate:
    """Annotates a sample from up to ten of the inputs, and reckons what all would cost; writes nothing.

    Args:
        model: the name of a package, a folder, or a pipeline that is loaded.
        inputs: the files or folders that would be annotated.
        settings: how.
        gpu_id: the GPU to use; -1 for the CPU.
        sample: how many documents are annotated.

    Raises:
        BionerError: as `annotate`; PipelineError if no document could be read.
    """
    check_settings(settings)
    found = find_inputs(map(Path, inputs), settings.source, settings.columns)
    use_device(gpu_id)
    nlp = load_pipeline(model) if isinstance(model, str | Path) else model
    chosen = found[:: max(len(found) // _FILES, 1)][:_FILES]
    started = time.perf_counter()
    documents = [
        item.document
        for input in chosen
        for item in islice(read_items([input], settings.columns), -(-sample // len(chosen)))
        if isinstance(item, Item)
    ]
    reading = time.perf_counter() - started
    if not documents:
        raise PipelineError("No document could be read, so there is nothing to estimate from. [B367]")
    plain = replace(settings, source="jsonl", columns=replace(settings.columns, text="", title="", id=""))
    with tempfile.TemporaryDirectory(prefix="spacy-bioner-") as folder:
        source, output = Path(folder) / "sample.jsonl", Path(folder) / f"out{_suffix(settings.to)}"
        formats.write(documents[:_LEAST], source, "jsonl")
        annotate(nlp, [source], output, plain, gpu_id=gpu_id)  # what is slow only once
        formats.write(documents, source, "jsonl")
        started = time.perf_counter()
        annotate(nlp, [source], output, plain, gpu_id=gpu_id)
        seconds = time.perf_counter() - started
        written = sum(file.stat().st_size for file in (output.iterdir() if output.is_dir() else [output]))
    total = max(count_documents(found, settings.columns), len(documents))
    share = total / len(documents)
    return Estimate(
        total,
        len(documents),
        round(share * sum(len(document.text.split()) for document in documents)),
        share * (reading + seconds),
        round(share * written),
        _most_memory(),
    )


def _most_memory() -> int | None:
    """The most bytes of memory that this process has had."""
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _suffix(to: str) -> str:
    return ".spacy" if to == SPACY else f".{to}" if to not in formats.FORMATS else formats.FORMATS[to].suffix
