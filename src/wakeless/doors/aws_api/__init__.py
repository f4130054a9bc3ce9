"""The AWS-compatible door: CloudWatch and STS, in the wire protocols that their clients speak."""

from wakeless.doors.aws_api.dispatch import AwsApi, is_aws_request
from wakeless.doors.aws_api.sigv4 import AcceptUnsigned, Caller, Credential, RequireSignature, Verifier, known_keys

__all__ = [
    "AcceptUnsigned",
    "AwsApi",
    "Caller",
    "Credential",
    "RequireSignature",
    "Verifier",
    "is_aws_request",
    "known_keys",
]
