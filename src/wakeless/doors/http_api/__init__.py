"""The HTTP API: alarms in, incidents out, health and metrics."""

from wakeless.doors.http_api.auth import Account, Authenticator, Permission, Principal, is_loopback
from wakeless.doors.http_api.config import HttpConfig
from wakeless.doors.http_api.routes import create_http_api

__all__ = ["Account", "Authenticator", "HttpConfig", "Permission", "Principal", "create_http_api", "is_loopback"]
