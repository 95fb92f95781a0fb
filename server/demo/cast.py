"""Who plays in the demo: three bots, the people who write to them, the chats they meet in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Role:
    """One bot of the demo. ``names`` are what people call it."""

    name: str
    group_id: int
    screen_name: str
    title: str
    base: str
    names: tuple[str, ...]

    @property
    def mention(self) -> str:
        """What VK makes of ``@screen_name`` in a chat."""
        return f"[club{self.group_id}|@{self.screen_name}]"


@dataclass(frozen=True, slots=True)
class Human:
    """A person who chats: ``id`` is the VK user's. Two of them have ids of the new, large kind."""

    id: int
    first_name: str
    last_name: str


@dataclass(frozen=True, slots=True)
class Room:
    """A group chat: which bots are in it. Only where a bot is alone do people use its bare commands."""

    title: str
    bots: tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class Cast:
    """All who play on one stage; everybody is in every room."""

    roles: tuple[Role, ...]
    humans: tuple[Human, ...]
    rooms: tuple[Room, ...] = ()

    @property
    def bases(self) -> list[str]:
        """The bases of the bots, each once."""
        return list(dict.fromkeys(role.base for role in self.roles))


SONYA = Role("sonya", 1001, "sonya_bot", "Соня, душа компании", "talk", ("соня", "сонечка"))
BARISTA = Role("barista", 1002, "barista_bot", "Кофейня «Зёрна»", "talk", ("бариста",))
CAT = Role("cat", 1003, "cat_bot", "Кот учёный", "tales", ("кот", "котик"))
ROLES = (SONYA, BARISTA, CAT)

HUMANS = tuple(
    Human(number, *name.split())
    for number, name in [
        (1001, "Анна Белова"),
        (1002, "Борис Зимин"),
        (1003, "Вера Ильина"),
        (1004, "Глеб Орлов"),
        (1005, "Дарья Лисина"),
        (1006, "Егор Котов"),
        (1007, "Жанна Мельник"),
        (1008, "Захар Рябов"),
        (1009, "Ирина Соколова"),
        (1010, "Кирилл Фомин"),
        (1011, "Лидия Чайка"),
        (1012, "Максим Шубин"),
        (1013, "Нина Юдина"),
        (1014, "Олег Яшин"),
        (200_000_000_101, "Полина Новикова"),
        (200_000_000_102, "Роман Свежий"),
    ]
)

ROOMS = (
    Room("Двор на Садовой", (SONYA,)),
    Room("Кофе и разговоры", (BARISTA,)),
    Room("Лукоморье", (CAT,)),
    Room("Все свои", (SONYA, CAT)),
)

DEMO = Cast(ROLES, HUMANS, ROOMS)
