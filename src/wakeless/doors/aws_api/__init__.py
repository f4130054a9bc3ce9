"""AWS's own APIs: three wire protocols over botocore's service models."""
