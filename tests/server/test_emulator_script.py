"""VKScript as the emulator runs it: what it can say, what does not compile, and that nothing runs for ever."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from db.codec import dumps
from server.emulator.script import CompileError, Machine, ScriptFault, parse


def run(code: str, made: list[tuple[str, dict[str, Any]]] | None = None, **arguments: object) -> Any:
    """Run a script whose API calls give back what they were given; they are noted in ``made``."""
    made = [] if made is None else made

    def api(method: str, params: dict[str, Any]) -> Any:
        made.append((method, params))
        return False if method == "no.luck" else [{"id": number, "method": method} for number in params.get("ids", [])]

    return Machine(api, dict(arguments)).run(parse(code))


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("return 1;", 1),
        ("", None),
        ("return;", None),
        ('return [1, -2.5, "a", \'b\', null, true, [], {}, ];', [1, -2.5, "a", "b", None, True, [], {}]),
        (r'return "\u0434\u0430 \ud83d\ude00 \"\\\/\n";', 'да 😀 "\\/\n'),
        ('return {"a": {b: [1, {c: 2}]}, 5: "x"};', {"a": {"b": [1, {"c": 2}]}, "5": "x"}),
        ("var a = {b: [1, {c: 2}]}; return [a.b[1].c, a.x, a.x.y, a.b.length, a['b'][0]];", [2, None, None, 2, 1]),
        ("var a = 1, b, c = a + 2; b = c * 2; return [a, b, c];", [1, 6, 3]),
        ("return 1 + 2 * 3 == 7 && !(2 > 3) || x;", True),
        ("return [7 / 2, 8 / 2, 7 % 4, -7 % 4, 1 << 4, 6 & 3, 6 | 1, 6 ^ 3, ~0];", [3.5, 4, 3, -3, 16, 2, 7, 5, -1]),
        ("return ['a' + 1, 1 + '2', [1, 2] + ',3', [1] + [2]];", ["a1", "12", "1,2,3", [1, 2]]),
        ("return ['1' == 1, '1' === 1, null == false, 0 == '', [] == []];", [True, False, True, True, False]),
        ("return API.a.b({ids: [1, 2]})@.id;", [1, 2]),
        ("var a = API.a.b({ids: [4]}); return {first: a[0].id, of: a[0].method};", {"first": 4, "of": "a.b"}),
        ("return [API.no.luck({}), API.a.b()];", [False, []]),
        ("var i = 0, r = []; while (i < 3) { r.push(i); i = i + 1; } return r;", [0, 1, 2]),
        ("var a = 5; if (a > 5) return 1; else if (a == 5) { return 2; } else return 3;", 2),
        ("var a = {x: 1, y: 2}; delete a.x; a.z = 3; a['q'] = 4; return a;", {"y": 2, "z": 3, "q": 4}),
        ("var a = [1,2,3,4]; return [a.pop(), a.shift(), a.unshift(9), a.slice(1)];", [4, 1, 3, [2, 3]]),
        ("var a = [1,2,3]; return [a.splice(0, 1, 7, 8), a];", [[1], [7, 8, 2, 3]]),
        ("return ['привет'.substr(1, 3), 'a,b'.split(','), 'abc'.slice(-2)];", ["рив", ["a", "b"], "bc"]),
        ("return ['abc'.indexOf('c'), [5, 6].indexOf(6), [].indexOf(1)];", [2, 1, -1]),
        ("return [parseInt('12abc'), parseDouble('1.5'), 'a'.length];", [12, 1.5, 1]),
        ("// a remark\nreturn /* another */ 1;", 1),
        ("return Args.peer;", "7"),
        ("return 9223372036854775807;", (1 << 63) - 1),
    ],
)  # fmt: skip
def test_a_script_returns(code: str, value: object) -> None:
    assert run(code, peer="7") == value


def test_calls_are_made_in_order_with_their_parameters() -> None:
    made: list[tuple[str, dict[str, Any]]] = []
    run('var p = {"a": [1, 2]}; return [API.x.y(p), API.z.w({"t": "п", "p": p.a.length})];', made)
    assert made == [("x.y", {"a": [1, 2]}), ("z.w", {"t": "п", "p": 2})]


@pytest.mark.parametrize(
    "code",
    [
        *("return 1", "return [1;", "return {a 1};", "var 5 = 1;", "1 = 2;", "{", "return 'open;", "#"),
        *("function f() {}", "for (;;) {}", "a++;", "API.x.y;", "return API();", "delete a;", "var if = 1;"),
        *("return " + "[" * 100 + "]" * 100 + ";", " " * (1 << 20) + ";"),
    ],
    ids=lambda code: code[:20].strip(),
)
def test_what_does_not_compile(code: str) -> None:
    with pytest.raises(CompileError):
        parse(code)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("while (true) {}", "too many operations"),
        ("var i = 0; while (i < 26) { API.a.b(); i = i + 1; }", "too many API calls"),
        ("return nobody;", "not defined"),
        ("nobody = 1;", "not defined"),
        ("return 1 / 0;", "division"),
        ("return a();", "not a function"),
        ("return 'a'.push(1);", "not a method"),
        ("return API.a.b(5);", "not an object"),
        ("var s = 'aa'; while (true) { s = s + s; }", "too long"),
        ("var a = [1]; while (true) { a = [a, a]; }", "too many operations"),
        ("var a = [1], i = 0; while (i < 40) { a = [a, a]; i = i + 1; } return a;", "too big"),
        ("var a = [1], i = 0; while (i < 40) { a = [a, a]; i = i + 1; } return '' + a;", "too many operations"),
        ("var a = []; a.push(a); return a;", "too big"),
        ("var a = []; a[99999999] = 1;", "too long"),
        ("return 1" + " + 1" * 1000 + ";", "too deep"),
        ("var a; a.b = 1;", "cannot set"),
    ],
)
def test_what_goes_wrong_while_it_runs(code: str, said: str) -> None:
    with pytest.raises(ScriptFault, match=said):
        run(code)


SCALARS = st.none() | st.booleans() | st.integers(-(1 << 63) + 1, (1 << 63) - 1) | st.text()
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_a_literal(value: object) -> None:
    assert run(f"return {dumps(value).decode()};") == value


WORDS = [
    "var ",
    "a",
    "=",
    "1",
    ";",
    "return ",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ".",
    "API.x.y(",
    "'s'",
    "+",
    "-",
    "<",
    "while",
    "if",
    ",",
    "@.",
    ":",
]


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(WORDS), max_size=25).map("".join)))
@example("return -(-9223372036854775807-1);")
@example("return 1e308*1e308%3;")
@example("return 1<<-1;")
def test_any_text_runs_or_is_refused_in_one_of_two_ways(code: str) -> None:
    try:
        dumps(run(code))
    except (CompileError, ScriptFault):
        return
