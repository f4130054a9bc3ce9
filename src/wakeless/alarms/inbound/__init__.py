"""Alarms from elsewhere, turned into `wakeless.alarms.alarm.Alarm`. Pure.

`detect.read` tells the shapes apart by their keys and unwraps envelopes; one module per source reads what is inside;
`signature` decides whether an SNS message is what it says it is.
"""

from wakeless.alarms.inbound.detect import decode, parse, read, read_text
from wakeless.alarms.inbound.reading import Hints, Ignored, Reading

__all__ = ["Hints", "Ignored", "Reading", "decode", "parse", "read", "read_text"]
