"""Alarms: what a source reports, and how CloudWatch-compatible alarms are evaluated. Pure."""
