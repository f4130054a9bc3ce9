"""The one place that makes boto3 clients."""
