"""What a moderator typed in this terminal: answers not saved yet, and what was done that can be undone."""

from __future__ import annotations

from salo_tui.phrases import Draft

DRAFTS_MAX, UNDO_MAX = 200, 100  # the oldest are forgotten


class Drafts:
    """Drafts by the id of their phrase, and the last edits, the newest at the end."""

    def __init__(self) -> None:
        self._drafts: dict[str, Draft] = {}
        self._done: list[tuple[str, Draft]] = []

    def __contains__(self, phrase_id: object) -> bool:
        return phrase_id in self._drafts

    @property
    def count(self) -> int:
        """How many drafts would be lost with the terminal."""
        return len(self._drafts)

    def of(self, phrase_id: str) -> Draft:
        """Return what was typed for a phrase, or an empty draft."""
        return self._drafts.get(phrase_id, Draft())

    def keep(self, phrase_id: str, draft: Draft) -> None:
        """Remember a draft; one without words is none."""
        self._drafts.pop(phrase_id, None)
        if draft.text.strip():
            self._drafts[phrase_id] = draft
            if len(self._drafts) > DRAFTS_MAX:
                del self._drafts[next(iter(self._drafts))]

    @property
    def done_count(self) -> int:
        return len(self._done)

    @property
    def last_done(self) -> tuple[str, Draft] | None:
        return self._done[-1] if self._done else None

    def done(self, phrase_id: str, draft: Draft) -> None:
        """Remember that a phrase was answered, or rejected, with what was typed."""
        self._drafts.pop(phrase_id, None)
        self._done = [*self._done, (phrase_id, draft)][-UNDO_MAX:]

    def undone(self, phrase_id: str) -> None:
        """Forget that this can be undone."""
        self._done = [(key, draft) for key, draft in self._done if key != phrase_id]
