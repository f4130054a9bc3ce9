"""Finding what fixes an alarm, and whether it may run. Pure."""
