"""Doors translate and delegate, nothing else."""
