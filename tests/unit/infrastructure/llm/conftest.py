"""A stand-in for Bedrock's Converse, and where it is."""

from collections.abc import Iterator

import pytest

from tests.standins.converse import ConverseStandIn
from tests.standins.serving import serving


@pytest.fixture
def standin() -> ConverseStandIn:
    return ConverseStandIn()


@pytest.fixture
def url(standin: ConverseStandIn) -> Iterator[str]:
    with serving(standin.door) as address:
        yield address
