"""Tools: from a function to what a model is told, and from what the model says to the function's answer."""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated, Literal

import pytest
from fake_asterisk import ending
from pydantic import BaseModel, Field

from ari_app import Agent, WarmTransferError, WarmTransferResult, call_tools, function_tool, tools


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Order(BaseModel):
    number: int
    title: str = ""


class Desk(Agent):
    @function_tool
    async def escalate(self, reason: str, urgent: bool = False) -> str:
        """Hands the caller to a human.

        Only when nothing else helps.

        Args:
            reason: Why the human
                is needed.
            urgent (bool): Whether it
                can wait: or not.

        Returns:
            What to say.
        """
        return f"{reason}{'!' if urgent else ''}"

    @function_tool(name="find", description="Looks an order up.")
    def look_up(
        self,
        order: Order,
        colour: Colour = Colour.RED,
        kind: Literal["new", "used"] | None = None,
        limit: Annotated[int, Field(ge=1, description="how many")] = 3,
    ) -> dict[str, object]:
        return {"order": order, "colour": colour, "kind": kind, "limit": limit}

    @function_tool
    async def breaks(self) -> None:
        raise RuntimeError("SECRET")


@function_tool
def plain(schema: str, copy: list[int] | None = None):
    """Names that pydantic has itself.

    Args:
        schema: anything
    """
    return schema, copy


def test_the_schema_of_a_method():
    assert Desk().escalate.schema == {
        "type": "function",
        "function": {
            "name": "escalate",
            "description": "Hands the caller to a human.\n\nOnly when nothing else helps.",
            "parameters": {
                "type": "object",
                "properties": {
                    "reason": {"type": "string", "description": "Why the human is needed."},
                    "urgent": {"type": "boolean", "default": False, "description": "Whether it can wait: or not."},
                },
                "required": ["reason"],
                "additionalProperties": False,
            },
        },
    }


def test_the_schema_of_enums_literals_models_and_annotations():
    described = Desk().look_up.schema["function"]
    given = described["parameters"]
    assert (described["name"], described["description"]) == ("find", "Looks an order up.")
    assert given["required"] == ["order"]
    assert given["properties"]["limit"] == {"type": "integer", "minimum": 1, "default": 3, "description": "how many"}
    assert given["properties"]["kind"]["anyOf"][0]["enum"] == ["new", "used"]
    assert given["$defs"]["Colour"]["enum"] == ["red", "blue"]
    assert set(given["$defs"]["Order"]["properties"]) == {"number", "title"}


def test_every_name_of_a_parameter_will_do():
    parameters = plain.schema["function"]["parameters"]
    assert (list(parameters["properties"]), parameters["required"]) == (["schema", "copy"], ["schema"])
    assert plain("a") == ("a", None)


def test_an_agent_has_its_tools_in_order():
    assert (
        [tool.name for tool in tools(Desk())] == [tool.name for tool in Desk().tools] == ["escalate", "find", "breaks"]
    )


async def test_it_stays_the_method_it_was():
    desk = Desk()
    assert await desk.escalate("a refund", urgent=True) == await Desk.escalate(desk, "a refund", True) == "a refund!"
    assert desk.escalate.__name__ == "escalate"


async def test_arguments_are_checked_on_the_way_back():
    desk = Desk()
    assert await desk.escalate.invoke('{"reason": "a refund"}') == "a refund"
    answer = await desk.look_up.invoke({"order": {"number": "7"}, "colour": "blue"})
    assert answer == {"order": {"number": 7, "title": ""}, "colour": "blue", "kind": None, "limit": 3}
    assert await plain.invoke({"schema": "x", "copy": [1]}) == ["x", [1]]
    for arguments, words in [
        ("{}", "escalate: reason"),
        ("[1]", "no JSON object"),
        ("{", "no JSON object"),
        ('{"reason": "x", "to": 1}', "escalate: to"),
    ]:
        with pytest.raises(WarmTransferError, match=words):
            await desk.escalate.invoke(arguments)


async def test_a_result_is_something_json_can_say():
    @function_tool
    async def transfer():
        return WarmTransferResult.of(ending("busy")["result"], "tr_1", None)

    answer = json.loads(json.dumps(await transfer.invoke()))
    assert (answer["outcome"], answer["phase"], answer["transfer_id"]) == ("busy", "transfer_cancelled", "tr_1")


async def test_the_calls_of_a_message_are_answered_one_by_one():
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "escalate", "arguments": '{"reason": "x"}'}},
        {"id": "c2", "type": "function", "function": {"name": "find", "arguments": '{"order": {"number": 1}}'}},
        {"id": "c3", "type": "function", "function": {"name": "escalate", "arguments": "{}"}},
        {"id": "c4", "type": "function", "function": {"name": "breaks", "arguments": ""}},
        {"id": "c5", "type": "function", "function": {"name": "nobody", "arguments": "{}"}},
    ]
    answers = await call_tools({"role": "assistant", "tool_calls": calls}, Desk())
    assert [(answer["role"], answer["tool_call_id"]) for answer in answers] == [("tool", f"c{n}") for n in range(1, 6)]
    said = [answer["content"] for answer in answers]
    assert said[0] == "x" and json.loads(said[1])["limit"] == 3
    assert ["error" in json.loads(text) for text in said[2:]] == [True] * 3
    assert "SECRET" not in "".join(said)
    assert await call_tools({"role": "assistant", "content": "no calls"}, [plain]) == []


def test_what_no_model_could_give_is_misuse():
    with pytest.raises(WarmTransferError, match="names"):
        function_tool(lambda *words: words)
