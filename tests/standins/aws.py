"""What stand-ins for AWS share: requests are checked against the service's own model, as botocore has it."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.model import ServiceModel, Shape
from botocore.session import Session
from botocore.validate import ParamValidator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=\w+/\d{8}/(?P<region>[\w-]+)/(?P<service>[\w-]+)/aws4_request, "
    r"SignedHeaders=[\w;-]+, Signature=[0-9a-f]{64}"
)


class Contract:
    """A service's model."""

    def __init__(self, service: str, region: str) -> None:
        self._model = _model(service)
        self._region = region

    def refusal(self, request: Request, operation: str, parameters: dict[str, Any]) -> Response | None:
        """Return the answer to a request that the service would not take."""
        signed = SIGNED.fullmatch(request.headers.get("authorization", ""))
        if not signed or signed["service"] != self._model.signing_name or signed["region"] != self._region:
            return self.error(
                "AccessDeniedException", "The request is not signed for this service and region."
            )
        faults = self.faults(self._model.operation_model(operation).input_shape, parameters)
        return self.error("ValidationException", faults) if faults else None

    def answer(self, operation: str, body: dict[str, Any]) -> Response:
        """Return an answer, which has to be of the service's form too."""
        model = self._model.operation_model(operation)
        assert not (faults := self.faults(model.output_shape, body)), faults
        return JSONResponse(body, model.http["responseCode"])

    def error(self, code: str, message: str) -> Response:
        shape = self._model.shape_for(code)
        headers = {"x-amzn-errortype": code}
        return JSONResponse({"message": message}, shape.metadata["error"]["httpStatusCode"], headers)

    def shape(self, name: str) -> Shape:
        return self._model.shape_for(name)

    def faults(self, shape: Shape, value: Any) -> str:
        """Return what is wrong: botocore checks types, names and what must be there, the rest is checked here."""
        report = ParamValidator().validate(value, shape)
        if report.has_errors():
            return str(report.generate_report())
        return "; ".join(_faults(shape, value, shape.name))


@cache
def _model(service: str) -> ServiceModel:
    return Session().get_service_model(service)


def _faults(shape: Shape, value: Any, where: str) -> Iterator[str]:
    if getattr(shape, "is_document_type", False):
        return
    if shape.type_name == "structure":
        if getattr(shape, "is_tagged_union", False) and len(value) != 1:
            yield f"{where}: exactly one of {list(shape.members)} is wanted"
        for name, each in value.items():
            yield from _faults(shape.members[name], each, f"{where}.{name}")
    elif shape.type_name == "list":
        yield from _out_of_bounds(shape, len(value), where)
        for number, each in enumerate(value):
            yield from _faults(shape.member, each, f"{where}[{number}]")
    elif shape.type_name == "string":
        yield from _out_of_bounds(shape, len(value), where)
        yield from _wrong_text(shape, value, where)
    elif shape.type_name in ("integer", "long", "float", "double"):
        yield from _out_of_bounds(shape, value, where)


def _out_of_bounds(shape: Shape, size: float, where: str) -> Iterator[str]:
    if not shape.metadata.get("min", size) <= size <= shape.metadata.get("max", size):
        yield f"{where}: {size} is out of bounds"


def _wrong_text(shape: Shape, value: str, where: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield f"{where}: {value!r} is none of {shape.enum}"
    pattern = shape.metadata.get("pattern")
    # Java's properties of characters are not known here.
    if pattern and "\\P{" not in pattern and not re.fullmatch(pattern, value):
        yield f"{where}: {value!r} does not match {pattern}"
