"""Makes a tree of a script's tokens. What VKScript lacks (functions, ``for``, ``++``) does not compile."""

from __future__ import annotations

from server.emulator.script.errors import CompileError
from server.emulator.script.tokens import Token, tokenize
from server.emulator.script.tree import (
    ApiCall,
    Assign,
    Binary,
    Block,
    Declare,
    Delete,
    Evaluate,
    Expression,
    If,
    ListOf,
    Literal,
    Member,
    Name,
    Pick,
    Record,
    Return,
    Statement,
    Unary,
    ValueCall,
    While,
)

NESTING_MAX = 64
_LEVELS = (
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("==", "!=", "===", "!=="),
    ("<", ">", "<=", ">="),
    ("<<", ">>", ">>>"),
    ("+", "-"),
    ("*", "/", "%"),
)
_RANK = {sign: rank for rank, signs in enumerate(_LEVELS) for sign in signs}
_CONSTANTS = {"null": None, "undefined": None, "true": True, "false": False}
_WORDS = {"var", "return", "if", "else", "while", "delete", "API", "for", "function", "new", *_CONSTANTS}


def parse(source: str) -> Block:
    """Return the whole script; raises ``CompileError`` that names the first odd place."""
    return _Parser(tokenize(source)).script()


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    def script(self) -> Block:
        statements = []
        while self._now.kind != "end":
            statements.append(self._statement())
        return Block(tuple(statements))

    @property
    def _now(self) -> Token:
        return self._tokens[self._place]

    def _is(self, *signs: str) -> bool:
        return self._now.kind == "sign" and self._now.value in signs

    def _take(self) -> Token:
        token = self._now
        self._place += token.kind != "end"
        return token

    def _skip(self, sign: str) -> bool:
        """Step over ``sign`` and tell whether it was there."""
        found = self._is(sign)
        self._place += found
        return found

    def _expect(self, sign: str) -> None:
        if not self._skip(sign):
            raise CompileError(f"{sign!r} expected at {self._now.at}, found {self._now}")

    def _word(self) -> str:
        """Return the name after a dot or a member's name; any word will do there."""
        if self._now.kind != "name":
            raise CompileError(f"name expected at {self._now.at}, found {self._now}")
        return str(self._take().value)

    def _variable(self) -> str:
        name = self._word()
        if name in _WORDS:
            raise CompileError(f"{name!r} cannot be a variable's name")
        return name

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise CompileError(f"nested more than {NESTING_MAX} deep at {self._now.at}")

    def _statement(self) -> Statement:
        self._deeper()
        made = self._statement_here()
        self._depth -= 1
        return made

    def _statement_here(self) -> Statement:
        if self._skip("{"):
            return self._block()
        if self._skip(";"):
            return Block(())
        match self._now.value if self._now.kind == "name" else "":
            case "var":
                return self._declarations()
            case "return":
                self._take()
                value = Literal(None) if self._is(";") else self._expression()
                self._expect(";")
                return Return(value)
            case "if":
                return self._if()
            case "while":
                self._take()
                return While(self._condition(), self._statement())
            case "delete":
                self._take()
                target = self._target(self._expression())
                self._expect(";")
                if isinstance(target, Name):
                    raise CompileError(f"delete {target.name}: only a member can be deleted")
                return Delete(target)
        return self._simple()

    def _block(self) -> Block:
        statements = []
        while not self._skip("}"):
            if self._now.kind == "end":
                raise CompileError("'}' expected at the end")
            statements.append(self._statement())
        return Block(tuple(statements))

    def _declarations(self) -> Statement:
        self._take()
        made = []
        while True:
            name = self._variable()
            made.append(Declare(name, self._expression() if self._skip("=") else Literal(None)))
            if not self._skip(","):
                self._expect(";")
                return made[0] if len(made) == 1 else Block(tuple(made))

    def _if(self) -> If:
        self._take()
        condition, then = self._condition(), self._statement()
        if self._now.kind == "name" and self._now.value == "else":
            self._take()
            return If(condition, then, self._statement())
        return If(condition, then, Block(()))

    def _condition(self) -> Expression:
        self._expect("(")
        condition = self._expression()
        self._expect(")")
        return condition

    def _simple(self) -> Statement:
        """An assignment, or an expression for what it does."""
        left = self._expression()
        made: Statement = Assign(self._target(left), self._expression()) if self._skip("=") else Evaluate(left)
        self._expect(";")
        return made

    def _target(self, expression: Expression) -> Name | Member:
        if not isinstance(expression, Name | Member):
            raise CompileError(f"nothing can be assigned before {self._now.at}")
        return expression

    def _expression(self, rank: int = 0) -> Expression:
        """Read operators that bind at least as tightly as ``rank``."""
        self._deeper()
        left = self._unary()
        while self._now.kind == "sign" and _RANK.get(self._now.value, -1) >= rank:
            sign = self._take().value
            left = Binary(sign, left, self._expression(_RANK[sign] + 1))
        self._depth -= 1
        return left

    def _unary(self) -> Expression:
        if not self._is("!", "-", "+", "~"):
            return self._postfix()
        sign = self._take().value
        if self._is(sign) and sign in "+-":
            raise CompileError(f"{sign * 2!r} is not known, at {self._now.at}")
        self._deeper()
        made = Unary(sign, self._unary())
        self._depth -= 1
        return made

    def _postfix(self) -> Expression:
        made = self._primary()
        while True:
            if self._skip("."):
                name = self._word()
                made = ValueCall(made, name, self._arguments()) if self._is("(") else Member(made, Literal(name))
            elif self._skip("["):
                made = Member(made, self._expression())
                self._expect("]")
            elif self._skip("@"):
                self._expect(".")
                made = Pick(made, self._word())
            else:
                return made

    def _primary(self) -> Expression:
        if self._skip("("):
            made = self._expression()
            self._expect(")")
            return made
        if self._skip("["):
            return ListOf(self._listed("]"))
        if self._skip("{"):
            return self._record()
        if self._now.kind in ("number", "string"):
            return Literal(self._take().value)
        if self._now.kind != "name":
            raise CompileError(f"unexpected {self._now} at {self._now.at}")
        return self._named()

    def _named(self) -> Expression:
        word = self._now.value
        if word in _CONSTANTS:
            self._take()
            return Literal(_CONSTANTS[word])
        if word == "API":
            self._take()
            return self._api_call()
        name = self._variable()
        return ValueCall(None, name, self._arguments()) if self._is("(") else Name(name)

    def _api_call(self) -> ApiCall:
        words = []
        while self._skip("."):
            words.append(self._word())
        if not words:
            raise CompileError(f"a method expected at {self._now.at}")
        return ApiCall(".".join(words), self._arguments())

    def _arguments(self) -> tuple[Expression, ...]:
        self._expect("(")
        return self._listed(")")

    def _listed(self, end: str) -> tuple[Expression, ...]:
        """Return comma-joined expressions up to ``end``; a comma before it is allowed."""
        items = []
        while not self._skip(end):
            items.append(self._expression())
            if not self._is(end):
                self._expect(",")
        return tuple(items)

    def _record(self) -> Record:
        members = []
        while not self._skip("}"):
            token = self._take()
            if token.kind not in ("name", "string", "number"):
                raise CompileError(f"a member's name expected at {token.at}, found {token}")
            self._expect(":")
            members.append((str(token.value), self._expression()))
            if not self._is("}"):
                self._expect(",")
        return Record(tuple(members))
