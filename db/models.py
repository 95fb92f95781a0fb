"""The tables of a base. One set of models serves all bases: ``Base.unit`` says which one they mean in this thread.

The schema itself (types, collations, indexes) is made by ``db/migrations``; a test compares the two.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from peewee import (
    BigAutoField,
    BigIntegerField,
    BlobField,
    CharField,
    CompositeKey,
    DateTimeField,
    DoubleField,
    IntegerField,
    Model,
    TextField,
)
from playhouse.shortcuts import ThreadSafeDatabaseMetadata

from db.fields import EnumField, OrjsonField, utc_now

EVERY_BOT = 0  # as bot_id of an answer: every bot on this base


class Network(StrEnum):
    """Where a person writes from."""

    VK = "vk"
    CONSOLE = "console"


class PersonStatus(StrEnum):
    """What a person may do, from nothing to everything."""

    BANNED = "banned"
    USER = "user"
    MODERATOR = "moderator"
    ADMIN = "admin"
    OWNER = "owner"


class AttachmentType(StrEnum):
    """What VK calls the kinds of attachments a bot may send."""

    PHOTO = "photo"
    VIDEO = "video"
    AUDIO = "audio"
    AUDIO_MESSAGE = "audio_message"
    DOC = "doc"
    WALL = "wall"
    STICKER = "sticker"
    GRAFFITI = "graffiti"


class UnsolvedStatus(StrEnum):
    """How far moderators are with a phrase."""

    NEW = "new"
    ASSIGNED = "assigned"
    ANSWERED = "answered"
    PUBLISHED = "published"
    REJECTED = "rejected"


class BaseModel(Model):
    """A table of every base."""

    class Meta:
        model_metadata_class = ThreadSafeDatabaseMetadata
        legacy_table_names = False


class Answer(BaseModel):
    """What bots say to a phrase. A row with ``deleted`` set is kept for the record and never said."""

    id = BigAutoField()
    rx = TextField()  # the phrase as it was written
    rx_norm = TextField(null=True)  # normalised; NULL in a row written by hand that nobody has normalised yet
    rx_hash = CharField(max_length=32, null=True)  # of rx_norm
    tx = TextField()  # text, or a JSON answer
    tx_hash = BlobField()  # MD5 of tx, made by MariaDB; never written
    bot_id = BigIntegerField(default=EVERY_BOT)
    weight = IntegerField(default=1)
    author = CharField(max_length=64, default="")
    created = DateTimeField(default=utc_now)
    updated = DateTimeField(default=utc_now)
    deleted = DateTimeField(null=True)

    class Meta:
        table_name = "answers"
        indexes = ((("rx_hash", "tx_hash", "bot_id"), True),)  # one row for one answer of one bot to one phrase


class _PersonRow(BaseModel):
    """Columns that people have in both tables."""

    account_id = CharField(max_length=64)
    social_network_id = EnumField(Network, default=Network.VK)
    fi_name = CharField(max_length=255, default="")
    la_name = CharField(max_length=255, default="")
    user_name = CharField(max_length=255, default="")  # what bots call them; at first their fi_name
    status = EnumField(PersonStatus, default=PersonStatus.USER)
    last_seen = DateTimeField(default=utc_now)


class Person(_PersonRow):
    """Somebody who wrote to a bot of this base."""

    class Meta:
        table_name = "user"
        primary_key = CompositeKey("account_id", "social_network_id")


class PersonReserve(_PersonRow):
    """A person who has not written for long."""

    class Meta:
        table_name = "user_reserve"
        primary_key = CompositeKey("account_id", "social_network_id")


class PersonData(BaseModel):
    """What commands remember about a person."""

    account_id = CharField(max_length=64)
    social_network_id = EnumField(Network, default=Network.VK)
    data_structure = OrjsonField(default=dict)

    class Meta:
        table_name = "user_data"
        primary_key = CompositeKey("account_id", "social_network_id")


class _HistoryRow(BaseModel):
    """Columns that both history tables have."""

    bot_id = BigIntegerField()
    peer_id = BigIntegerField()
    account_id = CharField(max_length=64)
    social_network_id = EnumField(Network, default=Network.VK)
    event_id = CharField(max_length=64)
    rx = TextField()
    tx = TextField(null=True)  # NULL: the bot was silent
    answer_id = BigIntegerField(null=True)
    score = DoubleField(null=True)
    time = DateTimeField(default=utc_now)


class History(_HistoryRow):
    """One message that was addressed to a bot, and what it said."""

    id = BigAutoField()

    class Meta:
        table_name = "history"


class HistoryReserve(_HistoryRow):
    """History older than the archive's bound, under its old id."""

    id = BigIntegerField(primary_key=True)

    class Meta:
        table_name = "history_reserve"


class Attachment(BaseModel):
    """Something that answers attach by its id."""

    id = BigAutoField()
    type = EnumField(AttachmentType)
    answer = OrjsonField()
    title = CharField(max_length=255, default="")

    class Meta:
        table_name = "attachment"


class Unsolved(BaseModel):
    """Something people say to a bot that has no answer yet, and what moderators made of it so far."""

    id = BigAutoField()
    rx = TextField()  # as it was first said
    rx_norm = TextField()
    rx_hash = CharField(max_length=32)  # of the normalised phrase
    bot_id = BigIntegerField()
    times = IntegerField(default=1)
    first_seen = DateTimeField(default=utc_now)
    last_seen = DateTimeField(default=utc_now)
    editor_id = CharField(max_length=64, null=True)
    editor_network_id = EnumField(Network, null=True)
    answer = TextField(null=True)
    status = EnumField(UnsolvedStatus, default=UnsolvedStatus.NEW)
    answer_id = BigIntegerField(null=True)  # the row of ``answers`` that the phrase was published with
    edited = DateTimeField(null=True)  # when it was answered or rejected

    class Meta:
        table_name = "unsolved"
        indexes = ((("rx_hash", "bot_id"), True),)  # unique: a phrase waits once

    @classmethod
    def waiting(cls, bot_id: int) -> Any:
        """Phrases of one bot that nobody has taken yet, oldest first."""
        return cls.select().where(cls.bot_id == bot_id, cls.status == UnsolvedStatus.NEW).order_by(cls.first_seen)


class JournalApplied(BaseModel):
    """The last journal entry that is in this base: what comes up to it is skipped.

    One row for each life of the journal, since a new Redis counts its entries anew.
    """

    journal = CharField(max_length=32, primary_key=True)
    last_ms = BigIntegerField(default=0)  # the two halves of the stream's entry id
    last_seq = BigIntegerField(default=0)

    class Meta:
        table_name = "journal_applied"


class Applied(BaseModel):
    """An event whose command took effect, written in the same transaction as the effect."""

    bot_id = BigIntegerField()
    event_id = CharField(max_length=64)
    reply = TextField(null=True)  # what is said again when the event is repeated
    time = DateTimeField(default=utc_now)

    class Meta:
        table_name = "applied"
        primary_key = CompositeKey("bot_id", "event_id")


class Normalising(BaseModel):
    """How far a table's stored forms of phrases are of a version of the normaliser.

    While ``finished`` is NULL they are of ``version`` up to ``done_id`` alone, and of an older one, or of none, above.
    """

    name = CharField(max_length=32, primary_key=True)  # of the table
    version = IntegerField()
    done_id = BigIntegerField(default=0)
    changed = BigIntegerField(default=0)  # rows whose form was another
    finished = DateTimeField(null=True)

    class Meta:
        table_name = "normalising"


MODELS: tuple[type[BaseModel], ...] = (
    Answer,
    Person,
    PersonReserve,
    PersonData,
    History,
    HistoryReserve,
    Attachment,
    Unsolved,
    JournalApplied,
    Applied,
    Normalising,
)
