"""Wakeless: the alarm comes in, the remediation runs, and nobody is woken unless that failed."""

__version__ = "0.1.0"
