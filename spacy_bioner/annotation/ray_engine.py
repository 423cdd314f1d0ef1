"""Units of work by Ray's workers, on the cores of this machine or a cluster.

Ray tries a unit again whose worker was lost. What a worker leaves of it is a folder that nobody reads, so a
unit that was done twice, or by halves, leaves one output.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from spacy_bioner.errors import BionerError, OutputError

TRIES = 3
"""How often a unit is tried whose worker is lost, and how often it is tried to start Ray."""


def by_ray(
    work: Callable[..., None], units: Mapping[str, tuple[Path, str]], *arguments: Any, gpu: bool
) -> Iterator[tuple[str, str]]:
    """Works on units, each in a worker with one core, or one GPU.

    Args:
        work: what to do with a unit: a function of a module, which gets its name, the unit, and arguments.
        units: the units by name. Their files, the output and the pipeline must be where every machine of the
            cluster finds them.
        arguments: further arguments.
        gpu: whether a worker has a GPU.

    Yields:
        Those units that fail, each with the error.

    Raises:
        OutputError: if there is no Ray, or it doesn't start.
    """
    ray, started = _ray()
    try:
        remote = ray.remote(num_cpus=1, num_gpus=int(gpu), max_retries=TRIES - 1)(_task)
        waiting = {remote.remote(work, name, unit, *arguments): name for name, unit in units.items()}
        with tqdm(total=len(units), unit=" inputs", disable=None) as bar:
            while waiting:
                [ready], _ = ray.wait(list(waiting), num_returns=1)
                name = waiting.pop(ready)
                bar.update()
                try:
                    if error := ray.get(ready):
                        yield name, error
                except ray.exceptions.RayTaskError as error:  # none of ours: its text is the whole traceback
                    yield name, f"{type(error.cause or error).__name__}: {error.cause or error}".strip()
                except ray.exceptions.RayError as lost:
                    yield name, f"its worker was lost {TRIES} times ({type(lost).__name__})"
    finally:
        if started:
            ray.shutdown()


def _ray() -> tuple[Any, bool]:
    """Ray, and whether it was started here: the cluster of RAY_ADDRESS, or one of this machine's cores."""
    try:
        import ray
    except ImportError:
        raise OutputError("--engine ray needs Ray: pip install 'spacy-bioner[ray]'. [B387]") from None
    if ray.is_initialized():
        return ray, False
    for left in reversed(range(TRIES)):
        try:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
            return ray, True
        except Exception as error:  # where a machine is busy, its parts don't find each other within 30 s
            ray.shutdown()
            if not left:
                raise OutputError(f"Ray doesn't start: {error} [B388]") from error
            time.sleep(1)
    raise AssertionError


def _task(work: Callable[..., None], *arguments: Any) -> str:
    """What a worker does; gives the error, if it is one of ours, as a text."""
    import torch

    torch.set_num_threads(1)
    try:
        work(*arguments)
    except BionerError as error:
        return str(error)
    return ""
