"""``salo.toml``: where it is, what it may say, and errors that name the file, the key, the value and the way out."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from db.errors import BadSettings
from db.state import StateDir

SHIPPED = Path(__file__).resolve().parent.parent / "salo.toml"
DEFAULT_HOME = Path("~/.local/share/salo")


class _Table(BaseModel):
    """A frozen table of ``salo.toml``; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PlatformSettings(_Table):
    """``[platform]``: the state directory, the interface and the logs."""

    home: str = Field("", description="state directory; $SALO_HOME wins; empty = ~/.local/share/salo")
    language: Literal["ru", "en"] = Field("ru", description="language of the interface and, by default, of the bots")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_file_mb: int = Field(8, ge=1, le=1024, description="MiB at which a child's log file is rotated")
    log_files: int = Field(4, ge=1, le=100, description="rotated log files kept of each child")


class StorageSettings(_Table):
    """``[storage]``: ``embedded`` runs private servers below the state directory; a URL names an external one."""

    redis: str = Field("embedded", description="embedded, unix://PATH, redis://HOST:PORT or rediss://HOST:PORT")
    redis_password_file: str = Field("", description="file with the external Redis' password; empty = none")
    redis_ca_file: str = Field("", description="authorities that vouch for a rediss:// server; empty = the system's")
    mariadb: str = Field("embedded", description="embedded, or mysql://USER@HOST:PORT or mysql://USER@/?socket=PATH")
    mariadb_password_file: str = Field("", description="file with the external MariaDB user's password")
    mariadb_ca_file: str = Field("", description="speak TLS to MariaDB; its certificate is vouched for by this file")
    redis_databases: int = Field(1024, ge=2, le=16384, description="logical databases: one a bot, and one")
    redis_memory_mb: int = Field(512, ge=16, le=1_048_576, description="memory limit of the embedded Redis, MiB")
    mariadb_pool_mb: int = Field(64, ge=8, le=1_048_576, description="InnoDB buffer pool of the embedded MariaDB, MiB")

    @field_validator("redis")
    @classmethod
    def _redis_url(cls, value: str) -> str:
        return _one_of_schemes(value, ("unix://", "redis://", "rediss://"))

    @field_validator("mariadb")
    @classmethod
    def _mariadb_url(cls, value: str) -> str:
        return _one_of_schemes(value, ("mysql://",))


def _one_of_schemes(value: str, schemes: tuple[str, ...]) -> str:
    if value == "embedded" or value.startswith(schemes):
        return value
    raise ValueError(f"must be embedded or start with {' or '.join(schemes)}")


class CallbackSettings(_Table):
    """``[callback]``: the servers that VK posts events to."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=1, le=65535)
    servers: int = Field(1, ge=1, le=32, description="callback server processes")
    threads: int = Field(8, ge=1, le=256, description="blocking threads of each server")
    public_url: str = Field("", description="what VK reaches us by, without /callback/…; empty = set up by hand")
    body_max_kb: int = Field(256, ge=4, le=4096, description="KiB of a request body; a larger one gets 413")
    inbox_max: int = Field(50_000, ge=100, le=50_000, description="events waiting for one bot; above it VK gets 503")


class EngineSettings(_Table):
    """``[engine]``: the pool that handles messages, one at a time each."""

    workers: int = Field(6, ge=1, le=64)
    command: list[str] = Field(default_factory=list, description="another engine's argv; empty = our own")
    deadline_s: float = Field(30.0, ge=0.5, le=600, description="a worker that takes longer for one job is killed")
    jobs_per_worker: int = Field(2000, ge=1, le=1_000_000, description="jobs after which a worker is replaced")
    worker_memory_mb: int = Field(256, ge=64, le=16384, description="MiB above which a worker is replaced")
    worker_memory_max_mb: int = Field(1024, ge=128, le=1_048_576, description="MiB that a worker never gets more of")
    worker_file_max_mb: int = Field(512, ge=16, le=1_048_576, description="MiB of the largest file a worker may write")


class LaneSettings(_Table):
    """``[lanes]``: how waiting messages are shared out, retried and given up."""

    per_bot: int = Field(4, ge=1, le=64, description="conversations of one bot handled at the same time")
    conversation_max: int = Field(50, ge=1, le=10_000, description="waiting messages of one conversation; older: flood")
    attempts: int = Field(4, ge=1, le=100, description="tries before a message is buried as a dead letter")
    answer_max_age_s: int = Field(1800, ge=1, le=86_400, description="an older message is settled as stale")
    lease_s: float = Field(3.0, ge=0.5, le=60, description="a host's claim on a lane, renewed every third of it")


class VkSettings(_Table):
    """``[vk]``: where VK is."""

    api_url: str = Field("https://api.vk.ru", description="all VK calls go here; the emulator stands in by this key")
    timeout_s: float = Field(10.0, ge=0.5, le=120, description="seconds for one VK call")
    requests_per_s: int = Field(20, ge=1, le=1000, description="calls in any second per token")
    batch: int = Field(25, ge=1, le=25, description="replies in one call under backlog; 1 = never packed")

    @field_validator("api_url")
    @classmethod
    def _url(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("must start with https:// or http://")
        return value.rstrip("/")


class MatchingSettings(_Table):
    """``[matching]``: when a known phrase is close enough."""

    threshold: float = Field(0.8, ge=0.0, le=1.0, description="score from which the likeliest phrase's answer is given")
    suggest_threshold: float = Field(0.3, ge=0.0, le=1.0, description="score from which a phrase is suggested instead")


class TerminalSettings(_Table):
    """``[terminal]``: how the operator's terminal looks and which keys it takes."""

    theme: str = Field("", description="theme, as :theme lists them; empty = what the terminal's colours ask for")
    slow: bool = Field(False, description="send less: for a slow link")
    keys: dict[str, str] = Field(default_factory=dict, description="other keys: id of a binding, as ? shows it → keys")


class TickerSettings(_Table):
    """``[tickers]``: how often the platform looks after its bots and its storage, and for how long at most."""

    workers: int = Field(3, ge=2, le=16, description="ticker workers; tickers of bots leave one of them to the others")
    bot_health_s: float = Field(600.0, ge=1, le=86_400, description="seconds between two looks at a bot's health")
    bot_health_deadline_s: float = Field(20.0, ge=1, le=300)
    storage_health_s: float = Field(5.0, ge=0.5, le=3600, description="seconds between two looks at the storage")
    storage_health_deadline_s: float = Field(5.0, ge=1, le=60)
    normalise_s: float = Field(30.0, ge=1, le=3600, description="seconds between two looks for stale forms of phrases")
    normalise_deadline_s: float = Field(30.0, ge=15, le=300)
    match_index_s: float = Field(15.0, ge=1, le=3600, description="seconds between two looks for changes by hand")
    match_index_deadline_s: float = Field(600.0, ge=15, le=7200)


_RESERVED = ("source", "home", "is_named")  # fields of the settings that are no tables


class Settings(_Table):
    """All of ``salo.toml``, with the state directory it leads to."""

    platform: PlatformSettings = PlatformSettings()
    storage: StorageSettings = StorageSettings()
    callback: CallbackSettings = CallbackSettings()
    engine: EngineSettings = EngineSettings()
    lanes: LaneSettings = LaneSettings()
    vk: VkSettings = VkSettings()
    matching: MatchingSettings = MatchingSettings()
    tickers: TickerSettings = TickerSettings()
    terminal: TerminalSettings = TerminalSettings()
    source: Path = Field(default=SHIPPED, exclude=True)
    home: Path = Field(default=DEFAULT_HOME, exclude=True)
    is_named: bool = Field(default=False, exclude=True)  # somebody chose the file; else it was found

    def source_now(self, environ: Mapping[str, str] = os.environ) -> Path:
        """Return the file that a platform started now would read: the one that was named, or what is found now."""
        return self.source if self.is_named else _source(None, environ.get("SALO_HOME", ""))

    @property
    def state(self) -> StateDir:
        return StateDir(self.home)


def load_settings(config: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings: ``config``, else ``$SALO_HOME/salo.toml``, else the file that ships.

    Raises ``BadSettings`` with one line for the first thing that is wrong.
    """
    home = environ.get("SALO_HOME", "")
    source = _source(config, home)
    tables = _read(source)
    for reserved in _RESERVED:
        if reserved in tables:
            raise BadSettings(_unknown(source.name, reserved, list(Settings.model_fields)))
    try:
        parsed = Settings.model_validate(tables)
    except ValidationError as error:
        raise BadSettings(_first_error(source.name, error)) from None
    root = Path(home or parsed.platform.home or DEFAULT_HOME).expanduser()
    return parsed.model_copy(update={"source": source, "home": root.absolute(), "is_named": config is not None})


def _source(config: Path | None, home: str) -> Path:
    if config is not None:
        return config.absolute()
    own = Path(home or DEFAULT_HOME).expanduser() / "salo.toml"
    return own.absolute() if own.is_file() else SHIPPED


def _read(source: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSettings(f"{source}: {error.strerror}; name another file with --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{source.name}: not TOML: {error}; see the file that ships for the form") from None


def _first_error(file: str, error: ValidationError) -> str:
    """Return file, table, key, value, rule and remedy of the first error, in one line."""
    first = error.errors()[0]
    location = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        known: Any = Settings.model_fields
        if len(location) > 1:
            known = _table(location[0]).model_fields
        return _unknown(file, ".".join(location), list(known))
    where = f"[{location[0]}] {'.'.join(location[1:])}".rstrip()
    return f"{file}: {where} = {first['input']!r}, {_rule(location, first['msg'])}; {_remedy(location)}"


def _unknown(file: str, path: str, known: list[str]) -> str:
    table, _, key = path.rpartition(".")
    close = difflib.get_close_matches(key, [name for name in known if name not in _RESERVED], n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known[:12])}"
    return f"{file}: {f'[{table}] {key}' if table else f'[{key}]'} is not known; {hint}"


def _table(name: str) -> type[BaseModel]:
    annotation = Settings.model_fields[name].annotation
    assert isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation


def _rule(location: list[str], message: str) -> str:
    """Return the whole allowed range where the field has one, else what pydantic says."""
    if len(location) >= 2:
        bounds = {type(item).__name__: item for item in _table(location[0]).model_fields[location[1]].metadata}
        if "Ge" in bounds and "Le" in bounds:
            return f"must be {bounds['Ge'].ge} to {bounds['Le'].le}"
    text = message.removeprefix("Value error, ")
    return text if text.startswith("must") else text[:1].lower() + text[1:]


def _remedy(location: list[str]) -> str:
    if len(location) < 2:
        return "write it as a table"
    default = _table(location[0]).model_fields[location[1]].get_default(call_default_factory=True)
    return f"remove the line for the default of {default!r}"
