"""Who may approve: the principals that an aws:approve lists, and the callers they stand for."""

from __future__ import annotations

import re

_USER = re.compile(r"arn:[a-z-]+:iam::([0-9]*):user/(?:.*/)?([^/]+)")
_ROLE = re.compile(r"arn:[a-z-]+:iam::([0-9]*):role/(?:.*/)?([^/]+)")
_ASSUMED = re.compile(r"arn:[a-z-]+:sts::([0-9]*):assumed-role/([^/]+)/[^/]+")


def stands_for(approver: str, caller: str, account: str) -> bool:
    """Say whether the listed approver covers the caller.

    A user's name covers the IAM user of that name in the execution's own account; a role's ARN covers everybody who has
    assumed the role; otherwise both must be the same text.
    """
    if not approver or not caller:
        return False
    if approver == caller:
        return True
    if user := _USER.fullmatch(caller):
        return user.groups() == (account, approver)
    if (assumed := _ASSUMED.fullmatch(caller)) and (role := _ROLE.fullmatch(approver)):
        return assumed.groups() == role.groups()
    return False


def approver_for(approvers: tuple[str, ...], caller: str, account: str) -> str | None:
    """Return the first listed approver that covers the caller, None when there is none."""
    return next((approver for approver in approvers if stands_for(approver, caller, account)), None)
