"""What CreateDocument refuses, and what it does not (reference 1.9, 4.1, 4.4, 4.7, 5.1, section 8)."""

from __future__ import annotations

import pytest
from tests.unit.runbooks.documents import accepted, advice, judged, messages, runbook, step

from wakeless.runbooks.document import (
    And,
    Comparison,
    FailureRule,
    IteratorType,
    Json,
    Not,
    OnFailure,
    Operator,
    Or,
    StepOutput,
    ValueType,
)
from wakeless.runbooks.load import load

LEAF: dict[str, Json] = {"Variable": "{{ a.x }}", "StringEquals": "y"}


def branch(*choices: Json, **inputs: Json) -> dict[str, Json]:
    return step("b", "aws:branch", inputs={"Choices": list(choices), **inputs})


def loop(*steps: Json, **inputs: Json) -> dict[str, Json]:
    given: dict[str, Json] = {"Steps": list(steps), "Iterators": ["x"]}
    return step("l", "aws:loop", inputs=given | inputs)


class TestSteps:
    @pytest.mark.parametrize(
        ("document", "words"),
        [
            ({"schemaVersion": "0.3"}, 'Missing "mainSteps" in the document'),
            ({"schemaVersion": "0.3", "mainSteps": []}, 'Missing "mainSteps" in the document'),
            ({"mainSteps": [step()]}, 'Missing "schemaVersion" in the document'),
            (runbook({"action": "aws:pause"}), 'Missing "name" in step detail'),
            (runbook({"name": "a"}), 'Missing "action" in step detail'),
            (runbook("a"), "a step is a mapping with name, action and inputs, not text"),
            (runbook(step("a b")), "StepName: a b is invalid"),
            (runbook(step("a-b")), "StepName: a-b is invalid"),
            (runbook(step(), step()), "Duplicate step names found in mainSteps of the document: a"),
            (runbook(step(), loop(step())), "Duplicate step names found in mainSteps of the document: a"),
            (runbook(step(action="aws:runShellScript")), "Unknown action: aws:runShellScript"),
            (runbook(step(action="aws:putServerUpgradeMetrics")), "Unknown action: aws:putServerUpgradeMetrics"),
            (runbook(step(nextStep="x")), 'Unknown step name: "x" in nextStep'),
            (runbook(step(onFailure="step:x")), 'Unknown step name: "x" in onFailure'),
            (runbook(step(onCancel="step:x")), 'Unknown step name: "x" in onCancel'),
            (runbook(step(), branch({"NextStep": "x", **LEAF})), 'Unknown step name: "x" in NextStep'),
            (runbook(step(), branch({"NextStep": "a", **LEAF}, Default="x")), 'Unknown step name: "x" in Default'),
            (
                runbook(step(isEnd=True, nextStep="c"), step("c")),
                '"isEnd == true" and nextStep should not exist in same step',
            ),
            (runbook(step(precondition={})), 'Unknown property "precondition" in step detail'),
            (runbook(step(inputs=[])), '"inputs" must be a mapping, not a list'),
            (runbook(step(maxAttempts=0)), '"maxAttempts" must be at least 1, not 0'),
            (runbook(step(timeoutSeconds="soon")), '"timeoutSeconds" must be a whole number, not "soon"'),
            (runbook(step(timeoutSeconds="{{ T }}")), '"timeoutSeconds" must be a whole number, not "{{ T }}"'),
            (runbook(step(isEnd="maybe")), '"isEnd" must be true or false, not "maybe"'),
            (runbook(step(onFailure="retry")), 'onFailure cannot be "retry"'),
            (runbook(step(onFailure="step:")), 'onFailure cannot be "step:"'),
            (runbook(step(onCancel="Continue")), 'onCancel cannot be "Continue"'),
            (runbook(step(inputs={"Duration": "{{ x }}"})), 'Parameter "x" is not declared'),
            (runbook(step(inputs={"Duration": {"a": ["{{ssm:x}}"]}})), "{{ssm:x}} cannot stand here"),
            (runbook(step(inputs={"Duration": "{{ variable:x }}"})), 'Variable "x" is not declared'),
            (runbook(step(outputs=[{"Selector": "$"}])), 'Missing "Name" in an output of the step'),
            (runbook(step(outputs=[{"Name": "x"}])), 'Missing "Selector" in an output of the step'),
            (runbook(step(outputs=[{"Name": "x", "Selector": "$", "Type": "Text"}])), "Output type: Text is invalid"),
        ],
    )
    def test_refused(self, document: dict[str, Json], words: str) -> None:
        assert words in messages(load(document))

    def test_properties_are_read_with_the_laxness_of_the_service(self) -> None:
        read = accepted(
            step(
                isEnd="true",
                isCritical="False",
                timeoutSeconds="600",
                maxAttempts=3,
                onFailure="step: b",
                description="why",
                outputs=[{"Name": "x", "Selector": "a[0]"}, {"Name": "y", "Selector": "$", "Type": "MapList"}],
            ),
            step("b", "aws:deleteImage", inputs={"ImageId": "i"}, onCancel="Abort", onFailure="continue"),
            step("c", onFailure="abort", onCancel="step:b", isCritical=True),
        )
        a, b, c = read.steps
        assert (a.is_end, a.is_critical, a.timeout_seconds, a.max_attempts) == (True, False, 600, 3)
        assert a.on_failure == OnFailure(FailureRule.STEP, "b")
        assert a.outputs == (
            StepOutput(name="x", selector="a[0]", type=ValueType.STRING),
            StepOutput(name="y", selector="$", type=ValueType.MAP_LIST),
        )
        assert (b.on_failure.rule, b.on_cancel, b.critical) == (FailureRule.CONTINUE, None, False)
        assert (c.on_failure.rule, c.on_cancel, c.critical) == (FailureRule.ABORT, "b", True)
        assert read.following(a) is b
        assert read.following(c) is None
        assert "isEnd" in a.stated
        assert "nextStep" not in a.stated

    def test_inputs_may_be_left_out_where_none_are_needed(self) -> None:
        assert accepted({"name": "a", "action": "aws:pause"}).steps[0].inputs == {}

    def test_braces_outside_inputs_are_text(self) -> None:
        assert accepted(step(description="{{ what }}"), description="{{ ever }}").description == "{{ ever }}"

    def test_scripts_may_have_braces_of_their_own(self) -> None:
        script: dict[str, Json] = {
            "Runtime": "python3.11",
            "Handler": "h",
            "Script": "t = '{{ jinja }} {{ a.b }} {{{x}}}'",
        }
        assert accepted(step("s", "aws:executeScript", inputs=script)).steps
        assert messages(judged(step("s", "aws:executeScript", inputs={**script, "Script": "{{ssm:x}}"})))

    def test_unknown_steps_in_references_are_found_when_the_step_runs(self) -> None:
        loaded = judged(step(inputs={"Duration": "{{ nope.Out }}"}))
        assert loaded.document is not None
        assert advice(loaded) == ['there is no step "nope" to take an output of']

    def test_pseudo_parameters_of_maintenance_windows_are_no_mistake(self) -> None:
        assert accepted(step(inputs={"Duration": "{{ RESOURCE_ID }}{{ TARGET_ID }}"})).steps

    def test_all_problems_are_told_at_once_in_the_order_of_the_text(self) -> None:
        text = """\
schemaVersion: "0.3"
parameters:
  a_b: {type: Strin}
mainSteps:
- name: a
  action: aws:slep
  nextstep: b
- name: a
  action: aws:sleep
  inputs: {Duration: "{{ x }}"}
outputs: [zz.x]
"""
        found = [(problem.line, problem.path, problem.hint) for problem in load(text).problems]
        assert found == [
            (3, "parameters.a_b", ""),
            (3, "parameters.a_b.type", 'did you mean "String"?'),
            (6, "mainSteps[0].action", 'did you mean "aws:sleep"?'),
            (7, "mainSteps[0].nextstep", 'did you mean "nextStep"?'),
            (8, "mainSteps[1].name", ""),
            (10, "mainSteps[1].inputs.Duration", ""),
            (11, "outputs[0]", ""),
        ]


class TestChoices:
    """5.1 to 5.3"""

    def test_all_operators_are_known(self) -> None:
        for operator in Operator:
            constant: Json = "1" if not operator.startswith("Boolean") else True
            read = accepted(step(), branch({"NextStep": "c", "Variable": "{{ a.x }}", operator: constant}), step("c"))
            assert read.by_name["b"].branch is not None
            condition = read.by_name["b"].branch.choices[0].condition
            assert condition == Comparison("{{ a.x }}", operator, constant)

    def test_groups_may_stand_in_each_other(self) -> None:
        read = accepted(
            step(),
            branch(
                {"NextStep": "c", "And": [LEAF, {"Not": LEAF}, {"Or": [LEAF, {"And": [LEAF, LEAF]}]}]},
                {"NextStep": "c", "Not": LEAF},
                Default="c",
            ),
            step("c"),
        )
        parsed = read.by_name["b"].branch
        assert parsed is not None
        leaf = Comparison("{{ a.x }}", Operator.STRING_EQUALS, "y")
        assert parsed.choices[0].condition == And((leaf, Not(leaf), Or((leaf, And((leaf, leaf))))))
        assert parsed.choices[1].condition == Not(leaf)
        assert parsed.default == "c"

    @pytest.mark.parametrize(
        ("operator", "constant"),
        [
            ("StringEquals", "{{ a.y }}"),
            ("StringEquals", 3),
            ("StringEquals", True),
            ("NumericGreater", 3),
            ("NumericGreater", "3"),
            ("NumericGreater", 2.5),
            ("NumericEquals", "{{ a.n }}"),
            ("BooleanEquals", "True"),
            ("BooleanEquals", False),
        ],
    )
    def test_constants_that_fit(self, operator: str, constant: Json) -> None:
        assert accepted(step(), branch({"NextStep": "c", "Variable": "{{ a.x }}", operator: constant}), step("c")).steps

    @pytest.mark.parametrize(
        ("choice", "words"),
        [
            ({"NextStep": "c", "Variable": None, "Contains": "x"}, 'Missing "Variable" in a condition'),
            (LEAF, 'Missing "NextStep" in a choice'),
            ({"NextStep": "c", "StringEquals": "x"}, 'Missing "Variable" in a condition'),
            ({"NextStep": "c", "Variable": "{{ a.x }}"}, "a condition needs an operator"),
            ({"NextStep": "c", "Variable": "{{ a.x }}", "IsNull": True}, 'Unsupported operator "IsNull" in a choice'),
            ({"NextStep": "c", **LEAF, "Contains": "x"}, "a condition has one operator only"),
            ({"NextStep": "c", "And": [LEAF]}, "Expect at least two expressions for operator: And. Provided: 1"),
            ({"NextStep": "c", "Or": []}, "Expect at least two expressions for operator: Or. Provided: 0"),
            ({"NextStep": "c", "Or": LEAF}, "Expect at least two expressions for operator: Or. Provided: 1"),
            ({"NextStep": "c", "Not": [LEAF, LEAF]}, "Expect one expression for operator: Not. Provided: 2"),
            (
                {"NextStep": "c", "And": [LEAF, {"NextStep": "c", **LEAF}]},
                "NextStep stands at the top of a choice only",
            ),
            ({"NextStep": "c", "And": [LEAF, LEAF], **LEAF}, "And cannot stand beside Variable"),
            ({"NextStep": "c", "And": [LEAF, "x"]}, "a condition is a mapping, not text"),
            (
                {"NextStep": "c", "Variable": "{{ a.x }}", "NumericEquals": "x"},
                'NumericEquals compares with a number, not "x"',
            ),
            (
                {"NextStep": "c", "Variable": "{{ a.x }}", "BooleanEquals": 1},
                'BooleanEquals compares with true or false, not "1"',
            ),
            (
                {"NextStep": "c", "Variable": "{{ a.x }}", "StringEquals": ["y"]},
                "StringEquals compares with one value, not a list",
            ),
            (
                {"NextStep": "c", "Variable": {"a": None}, "StringEquals": "y"},
                '"Variable" must be a reference, not a mapping',
            ),
            ("c", "a choice is a mapping with NextStep and a condition, not text"),
        ],
    )
    def test_refused(self, choice: Json, words: str) -> None:
        assert messages(judged(step(), branch(choice), step("c"))) == [words]

    def test_a_branch_needs_choices(self) -> None:
        assert messages(judged(branch())) == ['Missing "Choices" in the inputs of an aws:branch']


class TestLoops:
    """3.18"""

    def test_for_each(self) -> None:
        read = accepted(
            loop(step("i"), Iterators="{{ P }}", IteratorDataType="Integer", MaxIterations=5),
            parameters={"P": {"type": "StringList"}},
        )
        parsed = read.by_name["l"].loop
        assert parsed is not None
        assert (parsed.iterators, parsed.iterator_type, parsed.max_iterations) == ("{{ P }}", IteratorType.INTEGER, 5)
        assert parsed.condition is None
        assert read.by_name["i"].within == ("l",)
        assert read.level(read.by_name["i"]) == parsed.steps

    def test_do_while(self) -> None:
        condition: Json = {"Variable": "{{ i.x }}", "BooleanEquals": True}
        read = accepted(loop(step("i"), Iterators=None, LoopCondition=condition, MaxIterations="{{ i.n }}"))
        parsed = read.by_name["l"].loop
        assert parsed is not None
        assert parsed.condition == Comparison("{{ i.x }}", Operator.BOOLEAN_EQUALS, True)
        assert parsed.max_iterations == "{{ i.n }}"

    def test_loops_may_stand_in_loops(self) -> None:
        inner: Json = step("m", "aws:loop", inputs={"Iterators": ["y"], "Steps": [step("i")]})
        assert accepted(loop(inner)).by_name["i"].within == ("l", "m")

    @pytest.mark.parametrize(
        ("inputs", "words"),
        [
            (
                {"LoopCondition": {"Variable": "{{ i.x }}", "BooleanEquals": True}},
                "an aws:loop has either Iterators or LoopCondition, not both",
            ),
            ({"Iterators": None}, "an aws:loop has either Iterators or LoopCondition"),
            ({"Steps": []}, 'Missing "Steps" in the inputs of an aws:loop'),
            ({"Iterators": "a,b"}, '"Iterators" must be a list or a reference to one, not text'),
            ({"Iterators": {"List": "x"}}, '"Iterators" must be a list or a reference to one, not a mapping'),
            ({"IteratorDataType": "Text"}, "IteratorDataType: Text is invalid"),
            ({"MaxIterations": 101}, '"MaxIterations" must be from 1 to 100, not 101'),
            ({"MaxIterations": 0}, '"MaxIterations" must be from 1 to 100, not 0'),
        ],
    )
    def test_refused(self, inputs: dict[str, Json], words: str) -> None:
        assert messages(judged(loop(step("i"), **inputs))) == [words]

    def test_steps_inside_may_jump_out_but_nobody_may_jump_in(self) -> None:
        assert accepted(loop(step("i", nextStep="out")), step("out")).steps
        loaded = judged(step(nextStep="i"), loop(step("i")))
        assert messages(loaded) == ['Unknown step name: "i" in nextStep']
        assert loaded.problems[0].hint == "steps inside a loop are reached from inside that loop only"


class TestCancelling:
    """4.4"""

    @pytest.mark.parametrize(
        "action",
        [
            "aws:approve",
            "aws:copyImage",
            "aws:createImage",
            "aws:createStack",
            "aws:createTags",
            "aws:pause",
            "aws:sleep",
        ],
    )
    def test_some_actions_cannot_begin_a_cancellation(self, action: str) -> None:
        loaded = judged(step(onCancel="step:x"), step("x", action))
        assert f'onCancel cannot go to "x": {action} cannot begin a cancellation' in messages(loaded)

    @pytest.mark.parametrize("action", ["aws:loop", "aws:updateVariable"])
    def test_some_actions_have_no_on_cancel(self, action: str) -> None:
        assert f"onCancel is not supported on {action}" in messages(
            judged(step("x", action, onCancel="step:a"), step())
        )


class TestCycles:
    """4.7"""

    @pytest.mark.parametrize(
        ("steps", "trace"),
        [
            ([step("a", nextStep="a")], "a -> a"),
            ([step("a"), step("b", nextStep="a")], "a -> b -> a"),
            ([step("a"), step("b", onFailure="step:a")], "a -> b -> a"),
            ([step("a"), branch({"NextStep": "a", **LEAF}), step("c")], "a -> b -> a"),
            ([step("a"), branch({"NextStep": "c", **LEAF}, Default="a"), step("c")], "a -> b -> a"),
            ([step("a"), loop(step("i", onFailure="step:a")), step("c")], "a -> l -> a"),
            ([loop(step("i"), step("j", nextStep="i"))], "i -> j -> i"),
        ],
    )
    def test_a_cycle_is_traced(self, steps: list[Json], trace: str) -> None:
        assert messages(judged(*steps)) == [f"The steps form a cycle: {trace}"]

    @pytest.mark.parametrize(
        "steps",
        [
            # A jump to an earlier place is none.
            [step("a", nextStep="c"), step("b", isEnd=True), step("c", nextStep="b")],
            # The fall-through of a branch with a Default is never taken.
            [
                step("a", nextStep="b"),
                branch({"NextStep": "d", **LEAF}, Default="d"),
                step("c", nextStep="b"),
                step("d"),
            ],
            # onCancel is not part of it.
            [step("x", "aws:deleteImage", inputs={"ImageId": "i"}), step("a", onCancel="step:x")],
            # isEnd stops, whatever follows in the list.
            [step("a", nextStep="c"), step("b", isEnd=True), step("c", onFailure="step:b")],
        ],
    )
    def test_no_cycle(self, steps: list[Json]) -> None:
        assert judged(*steps).document is not None, messages(judged(*steps))

    def test_a_thousand_steps_are_no_trouble(self) -> None:
        small: list[Json] = [{"name": f"s{n}", "action": "aws:pause"} for n in range(1000)]
        assert accepted(*small).by_name["s999"].position == 999

    def test_steps_that_nothing_leads_to_are_worth_a_warning(self) -> None:
        assert advice(judged(step("a", isEnd=True), step("b"))) == ['nothing leads to the step "b"']
