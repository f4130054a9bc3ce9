"""The wire protocols of AWS's services, driven by the service models."""
