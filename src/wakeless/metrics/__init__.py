"""Metrics as CloudWatch keeps them: samples, statistics, periods and metric math. Pure."""
