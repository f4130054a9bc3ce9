"""What every test shares: an environment without settings or credentials of the person who runs it."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

#: Variables of these families change what Wakeless or boto3 do; a test sets the ones it means.
_FOREIGN = ("WAKELESS_", "AWS_", "BOTO_")
#: Which certificates to trust is the machine's affair, not the test's.
_KEPT = frozenset({"AWS_CA_BUNDLE"})

settings.register_profile("default", deadline=None)
settings.register_profile("torture", deadline=None, max_examples=5000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# At import, so that fixtures of any scope and the processes they start see the clean environment too.
for _name in list(os.environ):
    if _name.startswith(_FOREIGN) and _name not in _KEPT:
        del os.environ[_name]
# No test may read the credentials or the profile of whoever runs it, nor ask a metadata service for some.
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
# Started in the background of a shell, these are ignored, and every process of a test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what a test, or the one before it, left in the environment."""
    for name in list(os.environ):
        if name.startswith("WAKELESS_"):
            monkeypatch.delenv(name)
