"""Where things are kept: the journal, the metrics, the remediation stores."""
