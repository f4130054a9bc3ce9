"""The loop that evaluates alarms, and the service behind the CloudWatch-compatible door."""
