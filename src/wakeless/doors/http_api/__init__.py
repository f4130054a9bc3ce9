"""Webhooks in, the JSON API, health and metrics."""
