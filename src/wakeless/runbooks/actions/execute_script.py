"""aws:executeScript (reference 3.13)."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input, Use
from wakeless.runbooks.document import ValueType

#: All that documents were seen to say; old ones run on a current interpreter.
RUNTIMES = (
    *("python3.6", "python3.7", "python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13"),
    *("PowerShell Core 6.0", "PowerShell 7.0", "PowerShell 7.4"),
)


def _check(use: Use) -> None:
    runtime, script, attachment = (use.inputs.get(name) for name in ("Runtime", "Script", "Attachment"))
    powershell = isinstance(runtime, str) and runtime.lower().startswith("powershell")
    if script is None and attachment is None:
        use.wrong('Missing "Script" in the inputs of an aws:executeScript', "or an Attachment that has it")
    if powershell and use.has("Handler"):
        use.odd("PowerShell scripts have no Handler", at="Handler")
    if not powershell and not use.has("Handler") and not (isinstance(runtime, str) and "{{" in runtime):
        use.wrong('Missing "Handler" in the inputs of an aws:executeScript', "the name of the Python function")
    if isinstance(attachment, str) and "{{" not in attachment and attachment not in use.document.files:
        use.odd(f'the attachment "{attachment}" is not among the files of the document', at="Attachment")


ACTION = Action(
    name="aws:executeScript",
    inputs={
        "Runtime": Input(type=ValueType.STRING, required=True, words=RUNTIMES),
        "Handler": Input(type=ValueType.STRING, least=1),
        "InputPayload": Input(),
        "Script": Input(type=ValueType.STRING),
        "Attachment": Input(type=ValueType.STRING),
    },
    # Payload has the type of whatever the script returned; OutputPayload is the JSON text of {"Payload": …}.
    outputs={"Payload": ValueType.STRING_MAP, "OutputPayload": ValueType.STRING},
    timeout=600,
    longest=600,
    check=_check,
)
