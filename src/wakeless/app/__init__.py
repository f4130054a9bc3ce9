"""Settings, wiring, lifecycle and the facade behind every door."""
