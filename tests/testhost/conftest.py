from __future__ import annotations

from tests.testhost.fixture import booted_testhost, pytest_collection_modifyitems, testhost

__all__ = ["booted_testhost", "pytest_collection_modifyitems", "testhost"]
