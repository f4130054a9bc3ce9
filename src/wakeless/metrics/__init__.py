"""Metrics: datapoints, statistics, metric math, rollup. Pure."""
