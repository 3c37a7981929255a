"""Functions as tools of a language model: their schema in chat-completions form, and the way back from the model."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import to_jsonable_python

from ari_app.errors import WarmTransferError

log = logging.getLogger("ari_app.agent")

_SECTIONS = r"Args|Arguments|Parameters|Returns|Return|Raises|Yields|Examples?|Notes?"
_ARGUMENT = re.compile(r"^\s*\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")


class FunctionTool:
    """A function, or a bound method, that a model may call. Calling it is calling the function."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        owner: object | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.name = name or function.__name__
        self._function = function
        self._given_description = description
        self._owner = owner
        _check_parameters(self.name, function)

    def __get__(self, owner: object | None, kind: type | None = None) -> FunctionTool:
        if owner is None:
            return self
        return FunctionTool(self._function, name=self.name, description=self._given_description, owner=owner)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*self._before, *args, **kwargs)

    def __repr__(self) -> str:
        return f"<function_tool {self.name}>"

    @property
    def _before(self) -> tuple[object, ...]:
        return () if self._owner is None else (self._owner,)

    @property
    def description(self) -> str:
        return self._given_description or _summary(inspect.getdoc(self._function) or "")

    @property
    def schema(self) -> dict[str, Any]:
        """An element of `tools` of chat completions."""
        parameters = _without_titles(self._arguments.model_json_schema())
        parameters.pop("description", None)
        parameters.setdefault("properties", {})
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": parameters},
        }

    @functools.cached_property
    def _arguments(self) -> type[BaseModel]:
        return _model_of(self.name, self._function)

    async def invoke(self, arguments: str | Mapping[str, Any] | None = None) -> Any:
        """Calls it with what a model gave, a JSON text or a mapping; returns what JSON can say.

        A plain function runs in a thread. Raises WarmTransferError for arguments that don't fit, and what the
        function raises."""
        given = self._checked(arguments)
        if inspect.iscoroutinefunction(self._function):
            answer = await self._function(*self._before, **given)
        else:
            answer = await asyncio.to_thread(self._function, *self._before, **given)
        return to_jsonable_python(await answer if inspect.isawaitable(answer) else answer, fallback=str)

    @property
    def _no_object(self) -> str:
        return f"{self.name}: the arguments are no JSON object"

    def _checked(self, arguments: str | Mapping[str, Any] | None) -> dict[str, Any]:
        try:
            given = json.loads(arguments or "{}") if isinstance(arguments, str) else dict(arguments or {})
            checked = self._arguments.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            key = ".".join(str(part) for part in first["loc"])
            raise WarmTransferError(f"{self.name}: {key}: {first['msg']}" if key else self._no_object) from None
        except (TypeError, ValueError):
            raise WarmTransferError(self._no_object) from None
        names = {name: str(field.alias) for name, field in self._arguments.model_fields.items()}
        return {names[name]: getattr(checked, name) for name in names if name in checked.model_fields_set}


@overload
def function_tool(function: Callable[..., Any], /) -> FunctionTool: ...
@overload
def function_tool(
    *, name: str | None = None, description: str | None = None
) -> Callable[[Callable[..., Any]], FunctionTool]: ...
def function_tool(
    function: Callable[..., Any] | None = None, *, name: str | None = None, description: str | None = None
) -> Any:
    """Makes a tool of a function or method: name, type hints and docstring (with its `Args:`) are all it needs."""
    if function is not None:
        return FunctionTool(function)
    return lambda wrapped: FunctionTool(wrapped, name=name, description=description)


def tools(owner: object) -> list[FunctionTool]:
    """The tools among an object's methods, bound, in the order of their definition."""
    names = {name: None for kind in reversed(type(owner).__mro__) for name in vars(kind)}
    found = (getattr(owner, name) for name in names if isinstance(_static(owner, name), FunctionTool))
    return list(found)


def _static(owner: object, name: str) -> Any:
    return inspect.getattr_static(owner, name, None)


async def call_tools(message: Any, available: Sequence[FunctionTool] | object) -> list[dict[str, Any]]:
    """Carries out the `tool_calls` of a model's message, one after the other; the `tool` messages to answer with.

    `available` is a list of tools, or the object whose methods they are. What goes wrong is told to the model."""
    given = available if isinstance(available, Sequence) else tools(available)
    by_name = {tool.name: tool for tool in given}
    return [await _called(_as_mapping(call), by_name) for call in _as_mapping(message).get("tool_calls") or ()]


async def _called(call: Mapping[str, Any], by_name: Mapping[str, FunctionTool]) -> dict[str, Any]:
    function = _as_mapping(call.get("function") or {})
    content = await _answer(by_name, str(function.get("name")), function.get("arguments"))
    return {"role": "tool", "tool_call_id": call.get("id"), "content": content}


async def _answer(by_name: Mapping[str, FunctionTool], name: str, arguments: Any) -> str:
    if name not in by_name:
        return json.dumps({"error": f"there is no tool {name}"})
    try:
        answer = await by_name[name].invoke(arguments)
    except WarmTransferError as misuse:
        return json.dumps({"error": str(misuse)})
    except Exception as error:
        # its words may hold what people said, and are no business of the model
        log.error("tool %s raised %s", name, type(error).__name__)
        return json.dumps({"error": f"{name} failed"})
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)


def _as_mapping(thing: Any) -> Mapping[str, Any]:
    return thing if isinstance(thing, Mapping) else thing.model_dump()


# From a function to a model


def _check_parameters(name: str, function: Callable[..., Any]) -> None:
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise WarmTransferError(f"{name}: {parameter} can't be told to a model; give parameters with names")


def _model_of(name: str, function: Callable[..., Any]) -> type[BaseModel]:
    """Its fields are aliases, so that any name of a parameter will do."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise WarmTransferError(f"{name}: {error}; define the types of parameters at module level") from None
    described = _descriptions(inspect.getdoc(function) or "")
    fields: dict[str, Any] = {}
    for number, (parameter, given) in enumerate(inspect.signature(function).parameters.items()):
        if number == 0 and parameter in ("self", "cls"):
            continue
        default: Any = ... if given.default is given.empty else given.default
        fields[f"p{number}"] = (hints.get(parameter, Any), _field(default, parameter, described.get(parameter)))
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def _field(default: Any, alias: str, description: str | None) -> Any:
    """Without a description of the docstring, that of an `Annotated` hint counts."""
    described = {} if description is None else {"description": description}
    return Field(default, alias=alias, **described)  # type: ignore[call-overload]


def _summary(docstring: str) -> str:
    """What comes before the sections."""
    return re.split(rf"^\s*(?:{_SECTIONS}):\s*$", docstring, maxsplit=1, flags=re.MULTILINE)[0].strip()


def _descriptions(docstring: str) -> dict[str, str]:
    """Of the section `Args:`; what is indented further goes on with the argument above."""
    section = re.search(rf"^(?:Args|Arguments|Parameters):[ ]*\n(.*?)(?=^(?:{_SECTIONS}):|\Z)", docstring, re.M | re.S)
    lines = [line for line in (section.group(1) if section else "").splitlines() if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    found: dict[str, str] = {}
    last = ""
    for line in lines:
        begins = _ARGUMENT.match(line) if len(line) - len(line.lstrip()) == margin else None
        if begins:
            last, text = begins.groups()
            found[last] = text.strip()
        elif last:
            found[last] = f"{found[last]} {line.strip()}".strip()
    return found


def _without_titles(schema: Any, *, names: bool = False) -> Any:
    """pydantic gives everything a title; to a model they are noise. `names`: the keys are names of fields."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_titles(value, names=not names and key in ("properties", "$defs"))
        for key, value in schema.items()
        if names or key != "title" or not isinstance(value, str)
    }
