"""VK's own JSON schema, loosened only where reality is known to differ from it.

The schema is VK's public one (MIT), kept beside the project; without it the tests that need it are skipped.
"""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

SCHEMA = Path(__file__).parents[2].parent / "shared" / "vk" / "schema-subset.json"

needs_schema = pytest.mark.skipif(not SCHEMA.is_file(), reason=f"VK's schema is not at {SCHEMA}")


@cache
def schema() -> dict[str, Any]:
    """Return the schema with its known errors mended; see ``_mend``."""
    loaded: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    _mend(loaded["definitions"])
    return loaded


def _mend(definitions: dict[str, Any]) -> None:
    """Mend what VK itself breaks, and nothing else."""
    definitions["callback_type"]["enum"] += ["message_event", "like_add", "like_remove"]
    definitions["callback_message_event"]["properties"]["payload"] = {}  # any JSON, not only a string
    definitions["messages_keyboard"]["required"].remove("one_time")  # inline keyboards have none
    definitions["base_undefined_response"]["properties"]["response"] = {}  # a script may return anything
    _add_colour(definitions)
    for definition in definitions.values():  # inner_type serves code generators and is never sent
        if "inner_type" in definition.get("required", []):
            definition["required"].remove("inner_type")


def _add_colour(definitions: dict[str, Any]) -> None:
    colours = definitions["messages_keyboard_button"]["properties"]["color"]
    while "$ref" in colours:
        colours = definitions[colours["$ref"].rpartition("/")[2]]
    colours["enum"] = [*colours["enum"], "secondary"]


@cache
def _validator(pointers: tuple[str, ...]) -> jsonschema.Draft7Validator:
    # One alternative stands alone, so that an error is told where it is and not as "none of these".
    allowed = {"$ref": pointers[0]} if len(pointers) == 1 else {"anyOf": [{"$ref": pointer} for pointer in pointers]}
    return jsonschema.Draft7Validator({"allOf": [allowed], "definitions": schema()["definitions"]})


def check(value: Any, definition: str) -> None:
    """Fail with the place and the rule when ``value`` is not what ``definition`` allows."""
    _fail_on(value, _validator((f"#/definitions/{definition}",)))


def check_answer(method: str, answer: Any) -> None:
    """Fail when a method's whole answer is none of those that the schema has for it."""
    if "error" in answer:
        check(answer["error"], "base_error")
        return
    pointers = tuple(entry["$ref"] for entry in schema()["methods"][method]["responses"].values())
    _fail_on(answer, _validator(pointers))


def _fail_on(value: Any, validator: jsonschema.Draft7Validator) -> None:
    error = jsonschema.exceptions.best_match(validator.iter_errors(copy.deepcopy(value)))
    if error is not None:
        raise AssertionError(f"{error.json_path}: {error.message}")


def properties(definition: str) -> set[str]:
    """Return all property names that a definition has, its parts included."""
    found: set[str] = set()
    todo: list[Any] = [schema()["definitions"][definition]]
    while todo:
        part = todo.pop()
        found |= set(part.get("properties", {}))
        todo += part.get("allOf", [])
        if "$ref" in part:
            todo.append(schema()["definitions"][part["$ref"].rpartition("/")[2]])
    return found
