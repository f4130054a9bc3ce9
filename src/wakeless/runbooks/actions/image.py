"""aws:copyImage, aws:createImage and aws:deleteImage (reference 3.5, 3.6, 3.9)."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input
from wakeless.runbooks.document import ValueType

_TEXT = Input(type=ValueType.STRING)
_NEEDED = Input(type=ValueType.STRING, required=True)
_FLAG = Input(type=ValueType.BOOLEAN)
_OUTPUTS = {"ImageId": ValueType.STRING, "ImageState": ValueType.STRING}

COPY = Action(
    name="aws:copyImage",
    inputs={
        "SourceRegion": _NEEDED,
        "SourceImageId": _NEEDED,
        "ImageName": _NEEDED,
        "ImageDescription": _TEXT,
        "KmsKeyId": _TEXT,
        "ClientToken": _TEXT,
        "Encrypted": _FLAG,
    },
    outputs=_OUTPUTS,
    on_cancel_target=False,
)
CREATE = Action(
    name="aws:createImage",
    inputs={
        "InstanceId": _NEEDED,
        "ImageName": _NEEDED,
        "ImageDescription": _TEXT,
        "NoReboot": _FLAG,
        "BlockDeviceMappings": Input(),
    },
    outputs=_OUTPUTS,
    on_cancel_target=False,
)
DELETE = Action(name="aws:deleteImage", inputs={"ImageId": _NEEDED})
