"""Arrays and lists of texts in one file, opened memory-mapped.

The file is one of safetensors: a header in JSON, then the arrays; nothing in it is ever run. A list of texts
is two arrays, their UTF-8 bytes and where each ends.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy

from spacy_bioner.errors import KnowledgeError

_DTYPES = {"U8": "<u1", "U16": "<u2", "U32": "<u4", "I32": "<i4", "I64": "<i8", "F32": "<f4", "BOOL": "?"}
_MOST_HEADER = 1 << 24

Arrays = Mapping[str, numpy.ndarray]


class Texts(Sequence[str]):
    """A list of texts that are read when they are asked for."""

    def __init__(self, data: numpy.ndarray, ends: numpy.ndarray) -> None:
        self._data, self._ends = data, ends

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        start = int(self._ends[index - 1]) if index else 0
        return bytes(self._data[start : int(self._ends[index])]).decode("utf-8")

    def all(self) -> list[str]:
        """All of them, read at once."""
        data, starts = bytes(self._data), [0, *self._ends.tolist()]
        return [data[a:b].decode("utf-8") for a, b in itertools.pairwise(starts)]


def packed(texts: Iterable[str]) -> tuple[numpy.ndarray, numpy.ndarray]:
    """A list of texts as the two arrays of `Texts`."""
    encoded = [text.encode("utf-8") for text in texts]
    lengths = numpy.fromiter(map(len, encoded), "int64", len(encoded))
    return numpy.frombuffer(b"".join(encoded), dtype="uint8"), numpy.cumsum(lengths).astype("int32")


def write_arrays(path: Path, arrays: Arrays, meta: Mapping[str, Any]) -> None:
    """Writes arrays and what is said about them to a file.

    Args:
        path: the file.
        arrays: the arrays, by name.
        meta: anything that JSON can hold.
    """
    from safetensors.numpy import save_file

    contiguous = {name: numpy.ascontiguousarray(array) for name, array in sorted(arrays.items())}
    save_file(contiguous, path, metadata={"meta": json.dumps(meta, sort_keys=True)})


def open_arrays(path: Path) -> tuple[dict[str, numpy.ndarray], dict[str, Any]]:
    """Opens a file of `write_arrays` without reading more than its header.

    Raises:
        KnowledgeError: if it isn't there, or isn't such a file.
    """
    if not path.is_file():
        raise KnowledgeError(
            f"{path}: there is no such knowledge base; make one with `spacy bioner kb build`. [B287]"
        )
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(size - 8, _MOST_HEADER):
            raise KnowledgeError(
                f"{path}: not a knowledge base; make one of it with `spacy bioner kb build`. [B288]"
            )
        header = file.read(length)
    try:
        fields = json.loads(header)
        meta = json.loads(fields.pop("__metadata__")["meta"])
        arrays = dict(_mapped(path, fields, 8 + length, size))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KnowledgeError(
            f"{path}: not a whole knowledge base ({error}); build it again. [B289]"
        ) from None
    return arrays, meta


def _mapped(
    path: Path, fields: Mapping[str, Any], start: int, size: int
) -> Iterator[tuple[str, numpy.ndarray]]:
    for name, field in fields.items():
        dtype = numpy.dtype(_DTYPES[field["dtype"]])
        begin, end = field["data_offsets"]
        shape = tuple(field["shape"])
        count = int(numpy.prod(shape, dtype="int64"))
        if not 0 <= begin <= end <= size - start or end - begin != count * dtype.itemsize:
            raise ValueError(f"{name} isn't where the header says")
        if not count:
            yield name, numpy.zeros(shape, dtype)
        else:
            # a plain array on the mapped memory: numpy.memmap is slow at single values
            yield name, numpy.asarray(numpy.memmap(path, dtype, "r", start + begin, shape))
