"""The shapes of an AWS service, from botocore's model: loaded when first asked for, without its documentation.

Everything the protocols know about a service comes from here; a new operation needs no parser of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape, StructureShape

from wakeless.doors.aws_api.errors import CORAL_SERVICE, CORAL_VALIDATE, ErrorKind, ErrorTable

_SYNTHETIC = {"ValidationException": CORAL_VALIDATE}


class ServiceShapes:
    """One service's model."""

    def __init__(self, name: str, *, error_namespace: str = "", unchecked: Collection[str] = ()) -> None:
        """Name a service as botocore does.

        ``error_namespace`` precedes its own exceptions' names in ``__type``; the constraints in and below the shapes
        ``unchecked`` are left to the operation.
        """
        self.name = name
        self._unchecked = frozenset(unchecked)
        self._error_namespace = error_namespace
        self._operations: dict[str, OperationShapes | None] = {}

    @cached_property
    def _description(self) -> Any:
        # A loader of our own: the one of a session would keep the whole model, most of which is prose.
        return _without_prose(Loader().load_service_model(self.name, "service-2"))

    @cached_property
    def _model(self) -> ServiceModel:
        return ServiceModel(self._description, self.name)

    @cached_property
    def signing_name(self) -> str:
        """The service in a credential's scope, for example ``monitoring``."""
        return str(self._model.signing_name)

    @cached_property
    def target_prefix(self) -> str | None:
        """What precedes the operation in ``X-Amz-Target``; none for services that only speak query."""
        prefix = self._model.metadata.get("targetPrefix")
        return str(prefix) if prefix else None

    @cached_property
    def api_version(self) -> str:
        """The value of the query protocol's ``Version``."""
        return str(self._model.metadata["apiVersion"])

    @cached_property
    def protocols(self) -> frozenset[str]:
        """The wire protocols that the service speaks, by botocore's names."""
        metadata = self._model.metadata
        return frozenset(metadata.get("protocols", [metadata["protocol"]]))

    @cached_property
    def xml_namespace(self) -> str:
        """The namespace of the query protocol's answers."""
        return str(self._model.metadata.get("xmlNamespace", ""))

    @cached_property
    def errors(self) -> ErrorTable:
        """The exceptions of the model, each under its query code and under its shape's name."""
        kinds: dict[str, ErrorKind] = {}
        for shape in self._model.error_shapes:
            assert isinstance(shape, StructureShape)
            kind = self._error_kind(shape)
            kinds[kind.query_code] = kind
            kinds[kind.shape_name] = kind
        if "InternalServiceError" in kinds:
            kinds["InternalFailure"] = kinds["InternalServiceError"]
        return ErrorTable(kinds=kinds)

    def _error_kind(self, shape: StructureShape) -> ErrorKind:
        facts = shape.metadata.get("error", {})
        status = int(facts.get("httpStatusCode", 500 if shape.metadata.get("fault") else 400))
        namespace = self._error_namespace
        if namespace and self._description["shapes"][shape.name].get("synthetic"):
            # An exception of the framework that the model was given for the sake of its query code.
            namespace = _SYNTHETIC.get(shape.name, CORAL_SERVICE)
        return ErrorKind(
            query_code=str(facts.get("code", shape.name)),
            shape_name=shape.name,
            namespace=namespace,
            query_status=status,
            json_status=status,
            cbor_status=status,
            sender=status < 500,
            message_member=next((name for name in shape.members if name.lower() == "message"), "message"),
        )

    def has(self, operation: str) -> bool:
        """Say whether the service has such an operation."""
        return self.operation(operation) is not None

    def operation(self, name: str) -> OperationShapes | None:
        """Return the shapes of one operation; none if the service has no such operation."""
        if name not in self._operations:
            if name not in self._model.operation_names:
                return None
            self._operations[name] = OperationShapes(self._model.operation_model(name), self._unchecked)
        return self._operations[name]


class OperationShapes:
    """The input, output and habits of one operation."""

    def __init__(self, model: OperationModel, unchecked: frozenset[str] = frozenset()) -> None:
        self.unchecked = unchecked
        self.name: str = model.name
        self.input: StructureShape | None = model.input_shape
        self.output: StructureShape | None = model.output_shape
        #: Older CloudWatch operations check their parameters by hand and say so in words of their own.
        self.checks_parameters = any(shape.name == "InvalidParameterValueException" for shape in model.error_shapes)

    @property
    def result_wrapper(self) -> str | None:
        """The query protocol's element around the result; none when there is no result."""
        if self.output is None:
            return None
        return str(self.output.serialization.get("resultWrapper", f"{self.name}Result"))


def wire_name(shape: Shape, name: str) -> str:
    """Return a member's name on the wire."""
    return str(shape.serialization.get("name", name))


def _without_prose(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _without_prose(item)
            for key, item in value.items()
            # A member may be called "documentation"; a member is a mapping, prose is text.
            if not (key == "documentation" and isinstance(item, str))
        }
    if isinstance(value, list):
        return [_without_prose(item) for item in value]
    return value
