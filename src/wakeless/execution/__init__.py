"""Running one attempt of a remediation durably."""
