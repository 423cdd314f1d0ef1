"""A service for the tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

for needed in ("fastapi", "prometheus_client", "uvicorn"):
    pytest.importorskip(needed)

from serving import Running, running  # noqa: E402


@pytest.fixture(scope="module")
def service(knowing_pipeline: Path) -> Iterator[Running]:
    with running(knowing_pipeline) as found:
        yield found
