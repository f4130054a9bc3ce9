"""The actions of schema 0.3 by name (reference section 3)."""

from __future__ import annotations

from collections.abc import Mapping

from wakeless.runbooks.actions import (
    approve,
    branch,
    change_instance_state,
    create_tags,
    execute_automation,
    execute_aws_api,
    execute_script,
    execute_state_machine,
    image,
    invoke_lambda_function,
    invoke_webhook,
    loop,
    pause,
    resource_property,
    run_command,
    run_instances,
    sleep,
    stack,
    update_variable,
)
from wakeless.runbooks.actions.action import Action, Input, Use

__all__ = ["ACTIONS", "Action", "Input", "Use"]

ACTIONS: Mapping[str, Action] = {
    action.name: action
    for action in (
        approve.ACTION,
        resource_property.ASSERT,
        branch.ACTION,
        change_instance_state.ACTION,
        image.COPY,
        image.CREATE,
        stack.CREATE,
        create_tags.ACTION,
        image.DELETE,
        stack.DELETE,
        execute_automation.ACTION,
        execute_aws_api.ACTION,
        execute_script.ACTION,
        execute_state_machine.ACTION,
        invoke_lambda_function.ACTION,
        invoke_webhook.ACTION,
        loop.ACTION,
        pause.ACTION,
        run_command.ACTION,
        run_instances.ACTION,
        sleep.ACTION,
        update_variable.ACTION,
        resource_property.WAIT_FOR,
    )
}
