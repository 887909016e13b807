"""Two libraries that make spans of their own."""

from __future__ import annotations

import pytest
from tests.support.foreign import Library
from tests.support.telemetry import Telemetry


@pytest.fixture
def library(telemetry: Telemetry) -> Library:
    return Library(telemetry)


@pytest.fixture
def other(telemetry: Telemetry) -> Library:
    return Library(telemetry, "other")
