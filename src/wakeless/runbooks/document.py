"""A parsed runbook: what a document of schema 0.3 says, with nothing resolved yet.

Built by `wakeless.runbooks.load`; walked by `wakeless.runbooks.walk`. Names and casing of AWS are translated to ours
here and nowhere else (``onFailure: step:x`` becomes ``OnFailure(FailureRule.STEP, "x")``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

#: What documents, inputs, outputs and variables are made of.
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

#: Keys and list positions from the top of a document, for example ``("mainSteps", 0, "inputs")``.
Path = tuple[str | int, ...]


class ValueType(StrEnum):
    """The types of variables and step outputs, and what every parameter type comes down to."""

    STRING = "String"
    STRING_LIST = "StringList"
    INTEGER = "Integer"
    BOOLEAN = "Boolean"
    STRING_MAP = "StringMap"
    MAP_LIST = "MapList"


class ParameterType(StrEnum):
    """The types of parameters. The AWS:: types are strings or lists of strings of a given form."""

    STRING = "String"
    STRING_LIST = "StringList"
    INTEGER = "Integer"
    BOOLEAN = "Boolean"
    STRING_MAP = "StringMap"
    MAP_LIST = "MapList"
    INSTANCE_ID = "AWS::EC2::Instance::Id"
    INSTANCE_IDS = "List<AWS::EC2::Instance::Id>"
    BUCKET_NAME = "AWS::S3::Bucket::Name"
    BUCKET_NAMES = "List<AWS::S3::Bucket::Name>"
    ROLE_ARN = "AWS::IAM::Role::Arn"
    ROLE_ARNS = "List<AWS::IAM::Role::Arn>"

    @property
    def value_type(self) -> ValueType:
        """What values of this type are at run time."""
        if self.value.startswith("List<"):
            return ValueType.STRING_LIST
        if self.value.startswith("AWS::"):
            return ValueType.STRING
        return ValueType(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One declared parameter with its constraints; `wakeless.runbooks.parameters` applies them."""

    name: str
    type: ParameterType
    description: str = ""
    #: Of the natural JSON kind for `type`, or text holding one whole ``{{ ssm:name }}`` reference.
    default: Json = None
    #: A ``null`` default is no default.
    has_default: bool = False
    allowed_values: tuple[Json, ...] = ()
    #: A regular expression of Java's dialect that must match the whole value.
    allowed_pattern: str | None = None
    min_items: int | None = None
    max_items: int | None = None
    min_chars: int | None = None
    max_chars: int | None = None
    display_type: str | None = None

    @property
    def required(self) -> bool:
        """Whether a start must give a value."""
        return not self.has_default


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A mutable value of an execution, written by aws:updateVariable only."""

    name: str
    type: ValueType
    description: str = ""
    #: Of the natural JSON kind, or text holding one whole parameter reference.
    default: Json = None
    has_default: bool = False


class FailureRule(StrEnum):
    """What follows when a step has failed or timed out for good."""

    ABORT = "Abort"
    CONTINUE = "Continue"
    STEP = "step"


@dataclass(frozen=True, slots=True)
class OnFailure:
    """The onFailure property of a step."""

    rule: FailureRule = FailureRule.ABORT
    #: The step to go to; given with `FailureRule.STEP` only.
    target: str | None = None

    def __str__(self) -> str:
        return f"step:{self.target}" if self.target is not None else self.rule.value


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutput:
    """An output that the author declared for a step."""

    name: str
    #: As written: ``$.a.b``, ``a[0]``, ``$``.
    selector: str
    type: ValueType = ValueType.STRING


class Operator(StrEnum):
    """The operators of choices and loop conditions."""

    STRING_EQUALS = "StringEquals"
    EQUALS_IGNORE_CASE = "EqualsIgnoreCase"
    STARTS_WITH = "StartsWith"
    ENDS_WITH = "EndsWith"
    CONTAINS = "Contains"
    NUMERIC_EQUALS = "NumericEquals"
    NUMERIC_GREATER = "NumericGreater"
    NUMERIC_LESSER = "NumericLesser"
    NUMERIC_GREATER_OR_EQUALS = "NumericGreaterOrEquals"
    NUMERIC_LESSER_OR_EQUALS = "NumericLesserOrEquals"
    BOOLEAN_EQUALS = "BooleanEquals"


@dataclass(frozen=True, slots=True)
class Comparison:
    """``{Variable: …, Operator: constant}``; both sides may be references and are not resolved here."""

    variable: Json
    operator: Operator
    constant: Json


@dataclass(frozen=True, slots=True)
class And:
    """True when all of its conditions are."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True when one of its conditions is."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True when its condition is not."""

    condition: Condition


Condition = Comparison | And | Or | Not


@dataclass(frozen=True, slots=True)
class Choice:
    """One way out of an aws:branch."""

    condition: Condition
    next_step: str


@dataclass(frozen=True, slots=True)
class Branch:
    """The parsed inputs of an aws:branch."""

    choices: tuple[Choice, ...]
    #: The step to go to when no choice is true.
    default: str | None = None


class IteratorType(StrEnum):
    """The types that the items of a for-each may have."""

    BOOLEAN = "Boolean"
    INTEGER = "Integer"
    STRING = "String"
    STRING_MAP = "StringMap"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """The parsed inputs of an aws:loop: a for-each has `iterators`, a do-while has `condition`, never both."""

    steps: tuple[Step, ...]
    #: A list or one reference, as written; None for a do-while.
    iterators: Json = None
    iterator_type: IteratorType = IteratorType.STRING
    #: Evaluated after each iteration; None for a for-each.
    condition: Condition | None = None
    #: 1 to 100, or one reference to an Integer.
    max_iterations: int | str = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step; what its action makes of the inputs is the action's affair."""

    name: str
    #: For example ``aws:sleep``.
    action: str
    description: str = ""
    #: As written, unresolved. For aws:branch and aws:loop `branch` and `loop` say the same, parsed.
    inputs: Mapping[str, Json] = field(default_factory=dict)
    #: Total tries.
    max_attempts: int = 1
    #: None: the default of the action. Counts for each attempt.
    timeout_seconds: int | None = None
    on_failure: OnFailure = OnFailure()
    #: The step where the cancellation workflow begins; None: none (Abort).
    on_cancel: str | None = None
    next_step: str | None = None
    is_end: bool = False
    #: What the document says, None when it says nothing; `critical` is what holds.
    is_critical: bool | None = None
    outputs: tuple[StepOutput, ...] = ()
    branch: Branch | None = None
    loop: Loop | None = None
    #: Names of the loops around this step, outermost first.
    within: tuple[str, ...] = ()
    #: Position in the list of its level, from 0.
    position: int = 0
    #: Which of the static properties the document states itself, in AWS's names
    #: (``maxAttempts``, ``timeoutSeconds``, ``onFailure``, ``isEnd``, …).
    stated: frozenset[str] = frozenset()

    @property
    def critical(self) -> bool:
        """Whether the failure of this step fails the execution that went on after it (reference 4.3)."""
        if self.is_critical is not None:
            return self.is_critical
        return self.on_failure.rule is not FailureRule.CONTINUE


@dataclass(frozen=True, slots=True)
class DocumentOutput:
    """One entry of the document's outputs: ``step.Output``."""

    step: str
    output: str

    def __str__(self) -> str:
        return f"{self.step}.{self.output}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFile:
    """A file that scripts of the document may use."""

    name: str
    #: Lower-case hexadecimal; None when the document does not say.
    sha256: str | None = None
    #: Bytes.
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A whole runbook."""

    schema_version: str = "0.3"
    description: str = ""
    #: An ARN, text with one parameter reference, or empty: the caller's permissions.
    assume_role: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    variables: Mapping[str, Variable] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    outputs: tuple[DocumentOutput, ...] = ()
    files: Mapping[str, AttachedFile] = field(default_factory=dict)
    #: Every step by name, those inside loops included.
    by_name: Mapping[str, Step] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {step.name: step for step in self.all_steps()})

    def all_steps(self) -> Iterator[Step]:
        """Every step in document order, each loop before the steps inside it."""
        yield from _flatten(self.steps)

    def level(self, step: Step) -> tuple[Step, ...]:
        """The list of steps that ``step`` stands in: the document's or its loop's."""
        if not step.within:
            return self.steps
        loop = self.by_name[step.within[-1]].loop
        assert loop is not None
        return loop.steps

    def following(self, step: Step) -> Step | None:
        """The next step of the same list, None after the last one."""
        level = self.level(step)
        return level[step.position + 1] if step.position + 1 < len(level) else None


def _flatten(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        if step.loop is not None:
            yield from _flatten(step.loop.steps)
