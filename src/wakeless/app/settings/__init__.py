"""``wakeless.yaml`` and the environment, read strictly into one frozen record."""

from wakeless.app.settings.load import DEFAULT_FILE, Examined, examine, load_settings
from wakeless.app.settings.model import LOCAL_TARGET, Permission, Settings

__all__ = ["DEFAULT_FILE", "LOCAL_TARGET", "Examined", "Permission", "Settings", "examine", "load_settings"]
