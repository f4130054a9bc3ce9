"""The one place that knows the order of things. Pure."""
