"""The keys of a log pane. Those that are seldom wanted stand in the help alone."""

from __future__ import annotations

from textual.binding import Binding

from db.texts import N_

KEYS = (
    Binding("up,k", "move(-1)", N_("line up"), show=False, id="log.up"),
    Binding("down,j", "move(1)", N_("line down"), show=False, id="log.down"),
    Binding("pageup", "page(-1.0)", N_("page up"), show=False, id="log.page_up"),
    Binding("pagedown", "page(1.0)", N_("page down"), show=False, id="log.page_down"),
    Binding("ctrl+u", "page(-0.5)", N_("half a page up"), show=False, id="log.half_up"),
    Binding("ctrl+d", "page(0.5)", N_("half a page down"), show=False, id="log.half_down"),
    Binding("left", "shift(-1)", N_("to the line's start"), show=False, id="log.left"),
    Binding("right", "shift(1)", N_("to the line's end"), show=False, id="log.right"),
    Binding("home,g", "start", N_("oldest line"), show=False, id="log.start"),
    Binding("G,end", "follow", N_("follow"), id="log.follow"),
    Binding("f", "toggle_follow", N_("follow or rest"), show=False, id="log.toggle"),
    Binding("n", "jump(1)", N_("next hit"), id="log.next"),
    Binding("N", "jump(-1)", N_("previous hit"), show=False, id="log.previous"),
    Binding("plus", "level(1)", N_("show less"), show=False, id="log.less"),
    Binding("minus", "level(-1)", N_("show more"), show=False, id="log.more"),
    Binding("exclamation_mark", "invert", N_("turn the filter over"), show=False, id="log.invert"),
    Binding("t", "toggle_time", N_("times on or off"), show=False, id="log.time"),
    Binding("w", "toggle_wrap", N_("long lines folded or cut"), show=False, id="log.wrap"),
    Binding("slash", "search", N_("find"), id="log.search", priority=True),
    Binding("ampersand", "filter", N_("only lines with"), show=False, id="log.filter"),
    Binding("ctrl+s", "save", N_("save what is shown"), show=False, id="log.save"),
    Binding("y", "copy", N_("copy a line"), show=False, id="log.copy"),
)
