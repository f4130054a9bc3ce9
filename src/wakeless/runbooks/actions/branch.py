"""aws:branch (reference 3.3, 5); its choices are parsed with the document."""

from __future__ import annotations

from wakeless.runbooks.actions.action import Action, Input

ACTION = Action(name="aws:branch", inputs={"Choices": Input(), "Default": Input()})
