"""How people are reached: adapters of the escalation room's Channel port."""
