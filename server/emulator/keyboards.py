"""The rules of a keyboard, by VK's documentation; a broken one is error 911 whose tail names the fault."""

from __future__ import annotations

from typing import Any

from db.codec import loads
from db.errors import BadJson
from server.emulator.errors import VkError

COLOURS = {"primary", "secondary", "negative", "positive", "default"}
TYPES = {
    "text",
    "callback",
    "open_link",
    "open_app",
    "location",
    "vkpay",
    "open_photo",
    "intent_subscribe",
    "intent_unsubscribe",
}
LABELLED = {"text", "callback", "open_link", "open_app"}


def check_keyboard(source: str) -> dict[str, Any] | None:
    """Return the keyboard that ``source`` holds, or None for no keyboard; raises 911."""
    if not source or source == "null":
        return None
    try:
        keyboard = loads(source)
    except BadJson:
        raise VkError(911, "keyboard is not a valid JSON") from None
    if not isinstance(keyboard, dict) or not isinstance(keyboard.get("buttons", []), list):
        raise VkError(911, "buttons should be an array")
    _check_size(keyboard)
    for row_index, row in enumerate(keyboard.get("buttons", [])):
        for column, button in enumerate(row):
            _check_button(button, f"button [{row_index}][{column}]")
    return keyboard


def _check_size(keyboard: dict[str, Any]) -> None:
    rows, inline = keyboard.get("buttons", []), bool(keyboard.get("inline"))
    rows_max, buttons_max = (6, 10) if inline else (10, 40)
    if len(rows) > rows_max:
        raise VkError(911, "keyboard contains too much rows")
    for index, row in enumerate(rows):
        if not isinstance(row, list):
            raise VkError(911, f"row {index} should be an array")
        if len(row) > 5:
            raise VkError(911, f"row {index} contains too much columns")
    if sum(map(len, rows)) > buttons_max:
        raise VkError(911, "keyboard contains too much buttons")
    payloads = [button.get("action", {}).get("payload", "") for row in rows for button in row if _has_action(button)]
    if sum(len(str(payload)) for payload in payloads) > 1000:
        raise VkError(911, "payloads are too long")


def _has_action(button: object) -> bool:
    return isinstance(button, dict) and isinstance(button.get("action"), dict)


def _check_button(button: Any, where: str) -> None:
    if not _has_action(button):
        raise VkError(911, f"{where} action should be an object")
    action = button["action"]
    kind = action.get("type")
    if kind not in TYPES:
        raise VkError(911, f"{where} action type is invalid")
    label = action.get("label", "")
    if kind in LABELLED and not (isinstance(label, str) and label):
        raise VkError(911, f"{where} label should be at least 1 letters length")
    if len(str(label)) > 40:
        raise VkError(911, f"{where} label should be no more than 40 letters length")
    if button.get("color", "default") not in COLOURS:
        raise VkError(911, f"{where} color is invalid")
    if "payload" in action:
        _check_payload(action["payload"], where)


def _check_payload(payload: Any, where: str) -> None:
    """A payload is an object, or a string that holds one."""
    if isinstance(payload, str):
        if len(payload) > 255:
            raise VkError(911, f"{where} payload is too long")
        try:
            payload = loads(payload)
        except BadJson:
            payload = None
    if not isinstance(payload, dict):
        raise VkError(911, f"{where} payload should be a valid JSON object")
