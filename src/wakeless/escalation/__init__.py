"""Waking somebody, only when all else failed."""
