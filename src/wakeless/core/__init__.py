"""What every room needs: errors, time, ids, secrets, problems. Pure."""
