"""The parts of a sentence, by their names; `documents.sentences` has the words for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias


class Part(StrEnum):
    """A part of a sentence, or a note of one sentence; the value is its name in the table of words."""

    # What a connection string is made of.
    USER = "user"
    PASSWORD = "password"  # noqa: S105 - the name of a part
    HOST = "host"
    PORT = "port"
    DATABASE = "database"
    PARAMETERS = "parameters"

    IN_THE_STRING = "in_the_string"

    # How a parameter is written.
    SERVER_SETTING = "server_setting"
    HTML_AMPERSAND = "html_ampersand"
    SPELLING = "spelling"

    # What was found in place of a connection string.
    EMPTY = "empty"
    JDBC = "jdbc"
    WEB_ADDRESS = "web_address"
    ANOTHER_DATABASE = "another_database"
    PRISMA = "prisma"
    ANOTHER_SCHEME = "another_scheme"
    PSQL_COMMAND = "psql_command"
    DOTNET = "dotnet"
    NEITHER = "neither"
    NO_HOST = "no_host"

    # What a parameter may be set to.
    ONE_OF = "one_of"
    WHOLE_NUMBER = "whole_number"
    PORT_NUMBER = "port_number"
    AUTH_METHODS = "auth_methods"
    IP_ADDRESSES = "ip_addresses"
    NO_LESS_THAN = "no_less_than"
    DEMANDED = "demanded"

    # How the database that was reached differs from the expected one.
    OTHER_HOST = "other_host"
    OTHER_DATABASE = "other_database"
    OTHER_FINGERPRINT = "other_fingerprint"
    OTHER_ENGINE = "other_engine"

    # How a server breaks PostgreSQL's protocol.
    VIOLATION_LENGTH = "violation_length"
    VIOLATION_MESSAGE = "violation_message"
    VIOLATION_SIZE = "violation_size"
    VIOLATION_PASSWORD = "violation_password"  # noqa: S105 - as above
    VIOLATION_DRIVER = "violation_driver"
    VIOLATION_ANSWER = "violation_answer"

    # Statements that run pgvector's library.
    DEED_PROOF = "deed_proof"
    DEED_ENABLE = "deed_enable"
    DEED_UPDATE = "deed_update"
    DEED_APPLICATION = "deed_application"

    # Why a version table is not read.
    OF_ANOTHER_KIND = "of_another_kind"
    OF_A_STRANGER = "of_a_stranger"
    IN_A_STRANGERS_SCHEMA = "in_a_strangers_schema"
    IN_A_TREE = "in_a_tree"
    UNDER_A_RULE = "under_a_rule"
    UNDER_A_STRANGERS_PART = "under_a_strangers_part"
    WITHOUT_ITS_COLUMN = "without_its_column"

    # What is wrong with a file of a connection's.
    MISSING = "missing"
    UNREADABLE = "unreadable"
    FOLDER = "folder"
    NO_CERTIFICATE = "no_certificate"
    NO_FITTING_KEY = "no_fitting_key"
    NO_LIST_OF_ITS_AUTHORITY = "no_list_of_its_authority"
    LIST_EXPIRED = "list_expired"
    LIST_NOT_YET_VALID = "list_not_yet_valid"

    # What a server does that is asked for TLS.
    CLOSES = "closes"
    STAYS_SILENT = "stays_silent"
    ANSWERS_WITH_AN_ERROR = "answers_with_an_error"

    # Notes on a step.
    UNJUDGED = "unjudged"
    REPAIRED = "repaired"
    LEFT_ASIDE = "left_aside"
    TAKEN_FOR_SSLMODE = "taken_for_sslmode"
    NO_CHANNEL_BINDING = "no_channel_binding"
    NO_GSSAPI = "no_gssapi"
    CERTIFICATE_WHEN_ASKED = "certificate_when_asked"
    ONE_REVOCATION_LIST = "one_revocation_list"
    ANY_AUTH_METHOD = "any_auth_method"
    SOCKET_OWNER_UNASKED = "socket_owner_unasked"
    ORDINARY_SESSIONS = "ordinary_sessions"
    PASSWORD_ONLY = "password_only"  # noqa: S105 - as above
    NO_OAUTH = "no_oauth"
    POOLED = "pooled"
    COULD_NOT_LOOK = "could_not_look"

    # What was pasted around a connection string.
    BLANKS = "blanks"
    VARIABLE_NAME = "variable_name"
    COMMAND = "command"
    QUOTES = "quotes"
    QUOTE_MARK = "quote_mark"
    LITERAL_NEWLINE = "literal_newline"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A part of a sentence, with the values that it speaks of."""

    part: Part
    values: "Mapping[str, Value]" = field(default_factory=lambda: MappingProxyType({}), hash=False)


Value: TypeAlias = str | float | Phrase | tuple[Phrase, ...]


def phrase(part: Part, /, **values: Value) -> Phrase:
    """Return the phrase with these values."""
    return Phrase(part, MappingProxyType(values))
