"""The prompt of the frame: ``:`` runs a command, ``/`` looks for something; and the commands of the terminal itself."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from db.texts import _, ngettext
from salo_tui.widgets.dialogs import ConfirmLine, LeaveDialog, Leaving, TextDialog
from salo_tui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from salo_tui.app import SaloApp


class Colon:
    """Opens the prompt of whatever screen is seen, and does what was typed."""

    def __init__(self, app: SaloApp) -> None:
        self._app = app
        self._search: Callable[[str], object] = lambda text: None

    def open(self, text: str = "") -> None:
        """Let a command be typed, with completion."""
        frame = self._app.frame
        if frame is not None:
            prompt = frame.query_one(Prompt)
            prompt.set_commands([*self._app.actions.declarations, *local_commands()], self._values())
            prompt.open(":", text)

    def search(self, search: Callable[[str], object]) -> None:
        """Let words be typed that ``search`` looks for at each letter; an empty text ends it."""
        frame = self._app.frame
        if frame is not None:
            self._search = search
            frame.query_one(Prompt).open("/")

    def look_for(self, text: str) -> None:
        """Pass on what is typed after ``/``."""
        self._search(text)

    async def run(self, line: str) -> None:
        """Do what was typed after ``:``."""
        name, _space, rest = line.strip().partition(" ")
        own = {"quit": self._quit, "help": self._help, "theme": self._theme, "readonly": self._readonly,
               "slow": self._slow}  # fmt: skip
        if name in own:
            await own[name](rest.strip())
        elif name in self._app.SCREENS and not rest:
            self._app.go(name)
        elif line.strip():
            await self._run_in_platform(line.strip())

    def leave(self) -> None:
        """Ask what is to become of the platform, and leave, or stay. The question is there before the next key is."""
        app = self._app
        if not app.link.is_up or app.read_only or app.options.demo:
            app.close("leave")
            return
        drafts = app.drafts.count
        note = ngettext("{count} draft of an answer will be lost.", "{count} drafts of answers will be lost.", drafts)
        first: Leaving = "stop" if app.options.ephemeral else "leave"
        dialog = LeaveDialog(
            focus=first, can_leave=not app.options.ephemeral, note=note.format(count=drafts) if drafts else ""
        )
        app.push_screen(dialog, self._left)

    def _left(self, answer: Leaving | None) -> None:
        if answer == "stop":
            self._app.run_worker(self._stop_all(), name="stop", exclusive=True, group="leave")
        elif answer == "leave":
            self._app.close("leave")

    async def _stop_all(self) -> None:
        results = await self._app.actions.run("stop", sure=True)
        if results and not results[-1].exit_code:
            self._app.close("stop")

    async def _run_in_platform(self, line: str) -> None:
        """Run a line; what it says is shown in the event line, or, when it is longer, in a window of its own."""
        if self._app.actions.declarations and self._app.actions.find(line) is None:
            self._app.say(self._unknown(line), "bad")
            return
        found = self._app.actions.find(line)
        if self._app.options.demo and found is not None and found["name"] == "stop":
            self._app.close("leave")  # the demo ends with its terminal, and stops its platform itself
            return
        results = await self._app.actions.run(line)
        if results and "\n" in results[-1].text.strip():
            await self._app.in_turn.settled()  # what was typed before it comes is not for it
            title = f"salo {self._app.actions.shown(line)}"
            await self._app.push_screen_wait(TextDialog(title, results[-1].text))

    def _unknown(self, line: str) -> str:
        """Return what to say of a command that there is not."""
        names = [str(item["name"]) for item in [*self._app.actions.declarations, *local_commands()]]
        close = difflib.get_close_matches(line.lower(), names, n=1) or difflib.get_close_matches(
            " ".join(line.lower().split()[:2]), names, n=1
        )
        if close:
            return _("there is no command {line}; did you mean {close}?").format(line=line[:40], close=close[0])
        return _("there is no command {line}; tab after : shows them").format(line=line[:40])

    def _values(self) -> Mapping[str, Sequence[str]]:
        """Return what parameters may be, by their kind."""
        state = self._app.state
        return {
            "bot": list(state.bots),
            "base": sorted({bot.base for bot in state.bots.values()}),
            "process": list(state.processes),
            "ticker": sorted({ticker.name for ticker in state.tickers.values()}),
            "theme": sorted(self._app.available_themes),
            "on_off": ["on", "off"],
        }

    # The terminal's own commands.

    async def _quit(self, _rest: str) -> None:
        self.leave()

    async def _help(self, _rest: str) -> None:
        self._app.action_help()

    async def _theme(self, name: str) -> None:
        if name in self._app.available_themes:
            self._app.theme = name
            text = _("theme {name}; to keep it: [terminal] theme in salo.toml")
            self._app.say(text.format(name=name), "good")
        else:
            known = ", ".join(sorted(self._app.available_themes))
            self._app.say(_("there is no theme {name}; there are: {known}").format(name=name, known=known), "bad")

    async def _readonly(self, word: str) -> None:
        wanted = word != "off"
        question = _("Let this terminal change things?")
        if not wanted and not await self._app.push_screen_wait(ConfirmLine(question, "")):
            return
        self._app.read_only = wanted
        self._app.say(_("this terminal changes nothing") if wanted else _("this terminal may change things"))

    async def _slow(self, word: str) -> None:
        self._app.set_slow(word != "off")


def local_commands() -> list[dict[str, Any]]:
    """Return the terminal's own commands, in the form of ``describe``."""
    return [
        _local("quit", _("leaves the terminal, or stops the platform: it asks")),
        _local("help", _("shows the keys of this screen")),
        _local("theme", _("changes the colours"), "theme"),
        _local("readonly", _("lets this terminal change nothing, or again"), "on_off"),
        _local("slow", _("sends less, for a slow link"), "on_off"),
    ]


def _local(name: str, summary: str, kind: str = "") -> dict[str, Any]:
    parameters = [{**_PARAMETER, "name": kind, "kind": kind}] if kind else []
    return {**_COMMAND, "name": name, "summary": summary, "usage": f":{name} {kind}".strip(), "parameters": parameters}


_COMMAND = {"aliases": [], "help": "", "danger": 0, "effect": "", "changing": False, "faces": ["terminal"]}
_PARAMETER = {
    "aliases": [],
    "help": "",
    "type": "",
    "required": False,
    "default": None,
    "positional": True,
    "many": False,
    "rest": False,
    "flag": False,
    "secret": False,
}
