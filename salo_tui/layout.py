"""Keys of a Russian layout as the Latin ones in their places: whoever has just written Russian need not switch."""

from __future__ import annotations

from textual.keys import _character_to_key

_RUSSIAN = "йцукенгшщзхъфывапролджэячсмитьбюЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЯЧСМИТЬБЮ"
_LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,.QWERTYUIOP{}ASDFGHJKL:\"ZXCVBNM<>"
_SAME_PLACE = dict(zip(_RUSSIAN, _LATIN, strict=True))


def latin_key(character: str | None) -> str | None:
    """Return the name of the key that types a Russian letter, on a Latin layout; None for any other sign."""
    latin = _SAME_PLACE.get(character or "")
    return None if latin is None else _character_to_key(latin)
