"""Where commands run: adapters of the execution room's Target port."""
