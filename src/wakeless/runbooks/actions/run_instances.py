"""aws:runInstances (reference 3.20)."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input
from wakeless.runbooks.document import ValueType

_TEXT = Input(type=ValueType.STRING)
_FLAG = Input(type=ValueType.BOOLEAN)
#: Documented as text, written as numbers.
_COUNT = Input(type=ValueType.INTEGER, least=1)

ACTION = Action(
    name="aws:runInstances",
    inputs={
        "ImageId": Input(type=ValueType.STRING, required=True, least=1),
        "InstanceType": _TEXT,
        "MinInstanceCount": _COUNT,
        "MaxInstanceCount": _COUNT,
        **dict.fromkeys(("IamInstanceProfileArn", "IamInstanceProfileName", "KeyName", "SubnetId"), _TEXT),
        **dict.fromkeys(("SecurityGroupIds", "SecurityGroups"), Input(type=ValueType.STRING_LIST)),
        **dict.fromkeys(
            ("BlockDeviceMappings", "NetworkInterfaces", "TagSpecifications", "MetadataOptions", "Placement"), Input()
        ),
        **dict.fromkeys(("UserData", "KernelId", "RamdiskId", "PrivateIpAddress", "ClientToken"), _TEXT),
        **dict.fromkeys(("InstanceInitiatedShutdownBehavior", "AdditionalInfo"), _TEXT),
        **dict.fromkeys(("DisableApiTermination", "EbsOptimized", "Monitoring"), _FLAG),
    },
    outputs={"InstanceIds": ValueType.STRING_LIST, "InstanceStates": ValueType.STRING_LIST},
    on_cancel_target=False,
)
