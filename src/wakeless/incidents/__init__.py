"""The life of an incident: its states, its moves, its timeline. Pure."""
