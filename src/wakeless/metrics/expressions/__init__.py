"""Metric math: parsed, checked before it is kept, evaluated without recursion (user guide, metric math)."""
