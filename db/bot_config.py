"""A bot's settings: what they may be, and how they lie in the ``config`` hash of the bot's own database.

Token, secret and confirmation code lie there sealed, everything else as JSON. A field that is missing has its default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

from db import codec
from db.errors import BadValue
from db.seal import Sealer
from db.secret import Secret
from db.texts import LANGUAGES, _

SEALED = ("token", "secret", "confirmation")
NAMES_MAX, NAME_LENGTH_MAX = 20, 64  # names a bot listens to
SECRET_MAX = 50  # VK's limit of secret_key, groups.addCallbackServer
CREDENTIAL_MAX = 512
TEXT_MAX = 4096  # VK's limit of one message


class HasThresholds(Protocol):
    """A base, or a bot's settings: scores from which bots answer and suggest; ``None`` leaves them open."""

    @property
    def threshold(self) -> float | None: ...

    @property
    def suggest_threshold(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class BotConfig:
    """One version of a bot's settings. ``None`` and an empty ``language`` mean the value of ``salo.toml``."""

    version: int
    token: Secret
    secret: Secret  # empty: the bot takes no callbacks
    confirmation: Secret
    names: tuple[str, ...] = ()  # what it is called in a chat, besides mentions
    language: str = ""
    threshold: float | None = None  # score from which the likeliest phrase's answer is given
    suggest_threshold: float | None = None  # score from which a phrase is suggested to moderators
    per_bot: int | None = None  # conversations handled at the same time
    unsolved_text: str = ""  # said in a private dialog to an unknown phrase; empty: silence

    def or_those_of(self, base: HasThresholds) -> BotConfig:
        """Return these settings, with the base's thresholds where the bot has none of its own."""
        return replace(
            self,
            threshold=base.threshold if self.threshold is None else self.threshold,
            suggest_threshold=base.suggest_threshold if self.suggest_threshold is None else self.suggest_threshold,
        )


CHANGEABLE = tuple(item.name for item in fields(BotConfig) if item.name != "version")


def sealed_owner(bot: str) -> str:
    """Return the name that a bot's sealed values are bound to."""
    return f"bot:{bot}"


def to_fields(bot: str, changes: Mapping[str, Any], sealer: Sealer) -> dict[str, bytes]:
    """Check changed settings and return them as fields of the hash; ``BadValue`` names the first wrong one."""
    stored: dict[str, bytes] = {}
    for name, value in changes.items():
        if name not in _CHECKS:
            raise BadValue(_("bot {bot} has no setting {name}; known: {known}").format(
                bot=bot, name=name, known=", ".join(CHANGEABLE)))  # fmt: skip
        checked = _CHECKS[name](name, value)
        sealed = sealer.seal(sealed_owner(bot), checked) if name in SEALED else None
        stored[name] = sealed.encode() if sealed is not None else codec.dumps(checked)
    return stored


def from_fields(bot: str, stored: Mapping[str, bytes], sealer: Sealer) -> BotConfig:
    """Return the settings that the hash holds; fields of a newer Salo are passed over."""
    values: dict[str, Any] = {"version": int(stored.get("version", 0))}
    for name in CHANGEABLE:
        raw = stored.get(name)
        if name in SEALED:
            values[name] = Secret(sealer.open(sealed_owner(bot), raw.decode()) if raw else "")
        elif raw is not None:
            values[name] = codec.loads(raw)
    if "names" in values:
        values["names"] = tuple(values["names"])
    return BotConfig(**values)


def _credential(name: str, value: Any) -> str:
    """Take a token, secret or code, as text or ``Secret``. The error never shows it."""
    text = value.reveal() if isinstance(value, Secret) else value
    longest = SECRET_MAX if name == "secret" else CREDENTIAL_MAX
    if not isinstance(text, str) or len(text) > longest or not all("!" <= letter <= "~" for letter in text):
        raise BadValue(_("{name}: must be at most {most} Latin letters, digits and signs without spaces").format(
            name=name, most=longest))  # fmt: skip
    if name == "token" and not text:
        raise BadValue(_("token: is empty; take one from the community's settings, API usage"))
    return text


def _names(name: str, value: Any) -> list[str]:
    if isinstance(value, str) or not all(isinstance(item, str) for item in value):
        raise BadValue(_("names: must be a list of words"))
    words = list(dict.fromkeys(" ".join(item.split()) for item in value))
    if len(words) > NAMES_MAX or not all(0 < len(word) <= NAME_LENGTH_MAX for word in words):
        raise BadValue(_("names: must be at most {most} names of 1 to {longest} letters each").format(
            most=NAMES_MAX, longest=NAME_LENGTH_MAX))  # fmt: skip
    return words


def _language(name: str, value: Any) -> str:
    if value not in ("", *LANGUAGES):
        raise BadValue(_("language = {value!r}, must be {known}").format(value=value, known=", ".join(LANGUAGES)))
    return str(value)


def _between(least: float, most: float, kind: type[int] | type[float]) -> Callable[[str, Any], float | None]:
    def check(name: str, value: Any) -> float | None:
        if value is None:
            return None
        number = isinstance(value, int if kind is int else (int, float)) and not isinstance(value, bool)
        if not number or not least <= value <= most:
            raise BadValue(_("{name} = {value!r}, must be {least} to {most}").format(
                name=name, value=value, least=least, most=most))  # fmt: skip
        return kind(value)

    return check


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        raise BadValue(_("{name}: must be text of at most {most} letters").format(name=name, most=TEXT_MAX))
    return value


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "token": _credential,
    "secret": _credential,
    "confirmation": _credential,
    "names": _names,
    "language": _language,
    "threshold": _between(0.0, 1.0, float),
    "suggest_threshold": _between(0.0, 1.0, float),
    "per_bot": _between(1, 64, int),
    "unsolved_text": _text,
}
