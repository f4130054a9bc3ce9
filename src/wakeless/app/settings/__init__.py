"""``wakeless.yaml`` and the environment, read strictly into one frozen record."""

from wakeless.app.settings.load import DEFAULT_FILE, Loaded, load, load_settings
from wakeless.app.settings.model import LOCAL_TARGET, Permission, Settings

__all__ = ["DEFAULT_FILE", "LOCAL_TARGET", "Loaded", "Permission", "Settings", "load", "load_settings"]
