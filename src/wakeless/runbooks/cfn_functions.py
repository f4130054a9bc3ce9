"""CloudFormation's functions, worked out as far as documents need them.

What only a deployed stack can know (the ARN of a role) comes from the values that were given, else from a stand-in of
the right form with a word of advice.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from wakeless.runbooks.document import Json, Path
from wakeless.runbooks.places import MAX_UNFOLDED, Notes, Spot, kind_of, nearest, shown

#: The short tags of templates in YAML.
TAGS = {
    "!Ref": "Ref",
    "!Condition": "Condition",
    **{
        f"!{name}": f"Fn::{name}"
        for name in (
            *("And", "Base64", "Cidr", "Equals", "FindInMap", "GetAZs", "GetAtt", "If", "ImportValue", "Join"),
            *("Length", "Not", "Or", "Select", "Split", "Sub", "ToJsonString", "Transform"),
        )
    },
}
_SUBSTITUTE = re.compile(r"\$\{(!?)([^${}]{1,300})\}")
#: Properties that give a resource its name, so that a Ref to it is known.
_NAMES = ("Name", "RoleName", "TopicName", "FunctionName", "BucketName", "TableName", "ClusterName", "ServiceName")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Where a template is thought to be deployed."""

    name: str = "stack"
    account: str = "000000000000"
    region: str = "us-east-1"
    partition: str = "aws"
    #: Values of the template's parameters; a list for the list types.
    parameters: Mapping[str, Json] = field(default_factory=dict)
    #: What only the deployed stack knows: ``{"Role.Arn": "arn:…", "Topic": "arn:…", "import:Name": "…"}``.
    known: Mapping[str, str] = field(default_factory=dict)


class Absent(Exception):
    """The value is AWS::NoValue: whatever holds it goes without it."""


class CannotResolve(Exception):
    """A function cannot be worked out."""

    def __init__(self, path: Path, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.hint = hint


class Resolver:
    """Works out the functions of one template."""

    def __init__(self, template: Mapping[str, Json], stack: Stack, notes: Notes) -> None:
        self._stack = stack
        self._notes = notes
        self._sections = {name: _section(template, name) for name in ("Parameters", "Mappings", "Conditions")}
        self._resources = _section(template, "Resources")
        self._decided: dict[str, bool | None] = {}
        self._written = 0
        self._functions: dict[str, Callable[[Json, Path], Json]] = {
            "Ref": self._ref,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::If": self._if,
            "Fn::FindInMap": self._find_in_map,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::ToJsonString": self._to_json,
            "Fn::GetAtt": self._get_att,
            "Fn::Base64": self._base64,
            "Fn::ImportValue": self._import_value,
            "Fn::GetAZs": self._zones,
            "Fn::Length": self._length,
        }

    def resolve(self, value: Json, path: Path, spot: Spot) -> tuple[Json, Spot]:
        """Return ``value`` without functions, with the spots of what came of it.

        Raises:
            Absent: the whole value is AWS::NoValue.
            CannotResolve: a function cannot be worked out.
        """
        if isinstance(value, dict):
            function = self._function_of(value)
            if function is not None:
                name, argument = function
                outcome = self._call(name, argument, (*path, name))
                bare = Spot(spot.mark)
                return outcome, bare
            return self._mapping(value, path, spot)
        if isinstance(value, list):
            return self._list(value, path, spot)
        return value, spot

    def holds(self, name: str, path: Path) -> bool:
        """Return whether a condition of the template is true."""
        conditions = self._sections["Conditions"]
        if name not in conditions:
            hint = nearest(name, conditions)
            raise CannotResolve(path, f'there is no condition "{shown(name)}"', hint)
        decided = self._decided.get(name)
        if decided is None:
            if name in self._decided:
                raise CannotResolve(path, f'the condition "{shown(name)}" depends on itself')
            self._decided[name] = None
            decided = self._decided[name] = self._test(conditions[name], ("Conditions", name))
        return decided

    def _function_of(self, value: dict[str, Json]) -> tuple[str, Json] | None:
        if len(value) != 1:
            return None
        ((name, argument),) = value.items()
        return (name, argument) if name == "Ref" or name.startswith("Fn::") else None

    def _call(self, name: str, argument: Json, path: Path) -> Json:
        function = self._functions.get(name)
        if function is None:
            raise CannotResolve(path, f'the function "{shown(name)}" cannot be worked out here')
        return function(argument, path)

    def _mapping(self, value: dict[str, Json], path: Path, spot: Spot) -> tuple[Json, Spot]:
        outcome: dict[str, Json] = {}
        spots = Spot(spot.mark)
        spots.entries = {}
        for key, item in value.items():
            mark, inner = (spot.entries or {}).get(key, (spot.mark, spot))
            try:
                outcome[key], found = self.resolve(item, (*path, key), inner)
            except Absent:
                continue
            spots.entries[key] = (mark, found)
        return outcome, spots

    def _list(self, value: list[Json], path: Path, spot: Spot) -> tuple[Json, Spot]:
        outcome: list[Json] = []
        spots = Spot(spot.mark)
        spots.items = []
        for position, item in enumerate(value):
            inner = spot.items[position] if spot.items is not None and position < len(spot.items) else spot
            try:
                resolved, found = self.resolve(item, (*path, position), inner)
            except Absent:
                continue
            outcome.append(resolved)
            spots.items.append(found)
        return outcome, spots

    def _value(self, value: Json, path: Path) -> Json:
        return self.resolve(value, path, Spot(None))[0]

    def _text(self, value: Json, path: Path, what: str) -> str:
        resolved = self._value(value, path)
        if isinstance(resolved, list | dict) or resolved is None:
            raise CannotResolve(path, f"{what} must be text, not {kind_of(resolved)}")
        return _as_text(resolved)

    def _items(self, value: Json, path: Path, least: int, most: int) -> list[Json]:
        if not isinstance(value, list) or not least <= len(value) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise CannotResolve(path, f"{path[-1]} takes a list of {wanted} values")
        return value

    def _written_text(self, text: str, path: Path) -> str:
        self._written += len(text)
        if self._written > MAX_UNFOLDED:
            raise CannotResolve(path, "unfolds into too much")
        return text

    def _ref(self, argument: Json, path: Path) -> Json:
        if not isinstance(argument, str):
            raise CannotResolve(path, f"Ref takes a name, not {kind_of(argument)}")
        return self._named(argument, path)

    def _named(self, name: str, path: Path) -> Json:
        stack = self._stack
        pseudo: dict[str, Json] = {
            "AWS::Region": stack.region,
            "AWS::AccountId": stack.account,
            "AWS::Partition": stack.partition,
            "AWS::StackName": stack.name,
            "AWS::StackId": f"arn:{stack.partition}:cloudformation:{stack.region}:{stack.account}:stack/{stack.name}",
            "AWS::URLSuffix": "amazonaws.com.cn" if stack.partition == "aws-cn" else "amazonaws.com",
            "AWS::NotificationARNs": [],
        }
        if name == "AWS::NoValue":
            raise Absent
        if name in pseudo:
            return pseudo[name]
        if name in self._sections["Parameters"]:
            return self._parameter(name, path)
        if name in stack.known:
            return stack.known[name]
        if name in self._resources:
            return self._resource_name(name, path)
        known = [*self._sections["Parameters"], *self._resources, *pseudo]
        raise CannotResolve(path, f'there is no parameter or resource "{shown(name)}"', nearest(name, known))

    def _parameter(self, name: str, path: Path) -> Json:
        declared = self._sections["Parameters"][name]
        declared = declared if isinstance(declared, dict) else {}
        value = self._stack.parameters.get(name, declared.get("Default"))
        if value is None:
            message = f'the parameter "{shown(name)}" of the template has no value'
            raise CannotResolve(path, message, "give it one, or a Default")
        kind = declared.get("Type")
        listed = isinstance(kind, str) and (kind == "CommaDelimitedList" or kind.startswith("List<"))
        if listed and isinstance(value, str | int | float):
            return [item.strip() for item in _as_text(value).split(",")]
        # Whatever the type, parameters are text.
        return value if isinstance(value, list | dict) else _as_text(value)

    def _resource_name(self, name: str, path: Path) -> Json:
        resource = self._resources[name]
        properties = resource.get("Properties") if isinstance(resource, dict) else None
        properties = properties if isinstance(properties, dict) else {}
        for key in _NAMES:
            given = properties.get(key)
            if given is not None:
                # A name may be made of other names, but hardly of this resource again: depth is bounded by the text.
                return self._guarded(name, given, path)
        if not isinstance(resource, dict) or resource.get("Type") != "AWS::SSM::Document":
            self._notes.odd(path, f'what "{shown(name)}" will be called is not known; its logical name stands in')
        return name

    def _guarded(self, name: str, given: Json, path: Path) -> Json:
        key = f"name:{name}"
        if key in self._decided:
            raise CannotResolve(path, f'the name of "{shown(name)}" depends on itself')
        self._decided[key] = None
        try:
            return self._value(given, path)
        finally:
            del self._decided[key]

    def _sub(self, argument: Json, path: Path) -> Json:
        variables: dict[str, Json] = {}
        template = argument
        if isinstance(argument, list):
            items = self._items(argument, path, 1, 2)
            template = items[0]
            given = items[1] if len(items) > 1 else {}
            if not isinstance(given, dict):
                raise CannotResolve(path, f"the second value of Fn::Sub must be a mapping, not {kind_of(given)}")
            variables = {key: self._text(value, path, "a value of Fn::Sub") for key, value in given.items()}
        if not isinstance(template, str):
            raise CannotResolve(path, f"Fn::Sub takes text, not {kind_of(template)}")

        def replaced(found: re.Match[str]) -> str:
            name = found.group(2).strip()
            if found.group(1):
                return "${" + found.group(2) + "}"
            value = variables[name] if name in variables else self._sub_name(name, path)
            if isinstance(value, list | dict):
                raise CannotResolve(path, f'"{shown(name)}" is {kind_of(value)}, which cannot stand in text')
            return self._written_text(_as_text(value), path)

        return self._written_text(_SUBSTITUTE.sub(replaced, template), path)

    def _sub_name(self, name: str, path: Path) -> Json:
        try:
            return self._get_att(name, path) if "." in name else self._named(name, path)
        except Absent:
            return ""

    def _join(self, argument: Json, path: Path) -> Json:
        delimiter, values = self._items(argument, path, 2, 2)
        resolved = self._value(values, path)
        if not isinstance(delimiter, str) or not isinstance(resolved, list):
            raise CannotResolve(path, "Fn::Join takes a delimiter and a list")
        return self._written_text(delimiter.join(_as_text(item) for item in resolved), path)

    def _if(self, argument: Json, path: Path) -> Json:
        name, when_true, when_false = self._items(argument, path, 3, 3)
        if not isinstance(name, str):
            raise CannotResolve(path, "Fn::If begins with the name of a condition")
        return self._value(when_true if self.holds(name, path) else when_false, path)

    def _find_in_map(self, argument: Json, path: Path) -> Json:
        names = [self._text(item, path, "a key of Fn::FindInMap") for item in self._items(argument, path, 3, 4)[:3]]
        value: Json = dict(self._sections["Mappings"])
        for name in names:
            if not isinstance(value, dict) or name not in value:
                known = value if isinstance(value, dict) else ()
                raise CannotResolve(path, f'the mappings have no "{shown(name)}"', nearest(name, known))
            value = value[name]
        return value

    def _select(self, argument: Json, path: Path) -> Json:
        position, values = self._items(argument, path, 2, 2)
        index = self._text(position, path, "the position of Fn::Select")
        resolved = self._value(values, path)
        if not isinstance(resolved, list) or not index.isdecimal() or int(index[:9]) >= len(resolved):
            raise CannotResolve(path, f"Fn::Select finds nothing at position {shown(index)}")
        return resolved[int(index)]

    def _split(self, argument: Json, path: Path) -> Json:
        delimiter, text = self._items(argument, path, 2, 2)
        if not isinstance(delimiter, str) or not delimiter:
            raise CannotResolve(path, "Fn::Split begins with a delimiter")
        return list[Json](self._text(text, path, "what Fn::Split splits").split(delimiter))

    def _to_json(self, argument: Json, path: Path) -> Json:
        value = self._value(argument, path)
        return self._written_text(json.dumps(value, separators=(",", ":"), ensure_ascii=False), path)

    def _get_att(self, argument: Json, path: Path) -> Json:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(part, str) for part in parts):
            raise CannotResolve(path, "Fn::GetAtt takes a resource and an attribute")
        name, attribute = str(parts[0]), str(parts[1])
        key = f"{name}.{attribute}"
        if key in self._stack.known:
            return self._stack.known[key]
        if name not in self._resources:
            raise CannotResolve(path, f'there is no resource "{shown(name)}"', nearest(name, self._resources))
        self._notes.odd(path, f'"{shown(key)}" is known only once it is deployed; a stand-in takes its place')
        if attribute != "Arn":
            return key
        resource = self._resources[name]
        kind = resource.get("Type") if isinstance(resource, dict) else None
        service = kind.split("::")[1].lower() if isinstance(kind, str) and kind.count("::") == 2 else "service"
        stack = self._stack
        if kind == "AWS::IAM::Role":
            return f"arn:{stack.partition}:iam::{stack.account}:role/{_as_text(self._resource_name(name, path))}"
        return f"arn:{stack.partition}:{service}:{stack.region}:{stack.account}:{name}"

    def _base64(self, argument: Json, path: Path) -> Json:
        text = self._text(argument, path, "what Fn::Base64 encodes")
        return self._written_text(base64.b64encode(text.encode()).decode(), path)

    def _import_value(self, argument: Json, path: Path) -> Json:
        name = self._text(argument, path, "what Fn::ImportValue imports")
        if f"import:{name}" in self._stack.known:
            return self._stack.known[f"import:{name}"]
        self._notes.odd(path, f'the export "{shown(name)}" is not known; its name stands in')
        return name

    def _zones(self, argument: Json, path: Path) -> Json:
        region = self._text(argument, path, "the region of Fn::GetAZs") or self._stack.region
        return [f"{region}{letter}" for letter in "abc"]

    def _length(self, argument: Json, path: Path) -> Json:
        value = self._value(argument, path)
        if not isinstance(value, list):
            raise CannotResolve(path, f"Fn::Length takes a list, not {kind_of(value)}")
        return len(value)

    def _test(self, value: Json, path: Path) -> bool:
        """Return whether a condition function is true."""
        if isinstance(value, dict) and len(value) == 1:
            ((name, argument),) = value.items()
            place: Path = (*path, name)
            if name == "Condition" and isinstance(argument, str):
                return self.holds(argument, place)
            if name == "Fn::Equals":
                one, other = (self._value(item, place) for item in self._items(argument, place, 2, 2))
                return _as_text(one) == _as_text(other)
            if name == "Fn::Not":
                return not self._test(self._items(argument, place, 1, 1)[0], place)
            if name in ("Fn::And", "Fn::Or"):
                tests: Iterable[bool] = (self._test(item, place) for item in self._items(argument, place, 1, 10))
                return all(tests) if name == "Fn::And" else any(tests)
        raise CannotResolve(path, "a condition is one of Fn::Equals, Fn::And, Fn::Or, Fn::Not and Condition")


def _section(template: Mapping[str, Json], name: str) -> dict[str, Json]:
    section = template.get(name)
    return section if isinstance(section, dict) else {}


def _as_text(value: Json) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
