"""Asking whether the same alarm is OK again."""
