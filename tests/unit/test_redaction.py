"""Secrets are found however they are written, and where one is an ordinary word nothing tells that it is."""

import html
import json
import random
import re
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgvector_ready.dsn import parse
from pgvector_ready.redaction import Redactor

NASTY = "s3cr%t/\"with' &\\ é+漢😀\t"
ESCAPED: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "percent, slashes left": quote,
    "percent, lower": lambda text: quote(text, safe="").lower(),
    "form": quote_plus,
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "repr": repr,
    "repr of a repr": lambda text: repr(repr(text)),
    "repr of an error within another": lambda text: repr(ValueError(repr(ValueError(text)))),
    "repr of bytes": lambda text: repr(text.encode()),
    "ascii": ascii,
    "json": json.dumps,
    "json as it is": lambda text: json.dumps(text, ensure_ascii=False),
    "json of json": lambda text: json.dumps(json.dumps({"detail": text})),
    "html": html.escape,
    "upper": str.upper,
    "lower": str.lower,
    "swapped": str.swapcase,
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64, for addresses": lambda text: urlsafe_b64encode(text.encode()).decode(),
    "basic": lambda text: b64encode(f"app:{text}".encode()).decode(),
    "basic, one more": lambda text: b64encode(f"apps:{text}!".encode()).decode(),
    "basic, two more": lambda text: b64encode(f"appsx:{text}!!".encode()).decode(),
}


@pytest.mark.parametrize("form", ESCAPED)
@pytest.mark.parametrize("secret", [NASTY, "Geheim-778899", 'Kz7Qx\\\\"y$z', "correct horse battery"])
def test_a_secret_is_found_in_every_form(form: str, secret: str) -> None:
    written = ESCAPED[form](secret)

    said = Redactor([secret])(f"a{written}b")

    assert "***" in said
    assert not [piece for piece in re.findall(r"\w{4,}", secret.casefold()) if piece in said.casefold()]
    assert "base64" not in form or len(said) < 24


@settings(max_examples=50, deadline=None)
@given(
    st.text(st.characters(codec="utf-8"), min_size=8, max_size=30).map("Kz7-{}".format),
    st.sampled_from([name for name in ESCAPED if name not in {"upper", "lower", "swapped", "form"}]),
)
def test_any_secret_is_found_in_every_form(secret: str, form: str) -> None:
    said = Redactor([secret])(f"<{ESCAPED[form](secret)}>")

    assert "***" in said
    assert "Kz7" not in said


@pytest.mark.parametrize("secret", ["it's", 'say "x"', "back\\slash", "line\nbreak", "tab\tü", "plum1"])
@pytest.mark.parametrize("around", ["{}", "'{}", '"{}', "'\"{}"])
def test_a_secret_is_found_whichever_quotes_stand_around_it(secret: str, around: str) -> None:
    text = around.format(secret)
    redact = Redactor([secret])

    for written in (text, repr(text), repr(ValueError(repr(text)))):
        assert "***" in redact(written)


def test_the_longest_secret_goes_first() -> None:
    """Or half of the one that contains another would stay."""
    redact = Redactor(["geheim", "geheim-and-more", ""])

    assert redact("geheim-and-more geheim nothing") == "*** *** nothing"


def test_no_secret_no_change() -> None:
    assert Redactor([])("nothing") == "nothing"


# Passwords that any text has in it

ORDINARY = [
    "app", "postgres", "true", "1", "5432", "127.0.0.1", "0.8.6", "2026-01-01", "password", "authentication", "failed",
    "user", "database", "a", ".", '"', ":", "--", "FATAL", "Error", "localhost", "public", "vector", "prod", "secret",
]  # fmt: skip
SERVER = (
    'FATAL:  password authentication failed for user "app" of database "app" in application 1, port 5432 of 127.0.0.1: '
    "true, line 1 -- at 2026-01-01 in public with vector 0.8.6 on postgres at localhost. Error: prod secret"
)


@pytest.mark.parametrize("password", ORDINARY)
def test_a_servers_sentence_has_no_gap_that_tells_an_ordinary_password(password: str) -> None:
    assert Redactor([password])(SERVER) == SERVER


@pytest.mark.parametrize("password", ["hunter2", "Kx9#long-one", "geheim", "db-2024x", "switchback"])
@pytest.mark.parametrize("name", ["{}", "{}-db.example.net", "my-{}"])
def test_nor_one_that_tells_a_password_to_be_a_name_that_is_shown(password: str, name: str) -> None:
    shown = name.format(password)
    sentence = f'database "{shown}" does not exist'

    assert Redactor([password], [shown])(sentence) == sentence


@pytest.mark.parametrize("password", ["geheim", "hunter2", "plum"])
def test_a_word_is_taken_out_where_it_stands_by_itself_and_never_out_of_another(password: str) -> None:
    said = Redactor([password])(
        f'"{password}" was refused, {password.upper()} too, un{password}lich not; %3A{password}%40'
    )

    assert said == f'"***" was refused, *** too, un{password}lich not; %3A***%40'


@pytest.mark.parametrize("password", ["app", "true", "1", "postgres", "a", '"', "--"])
@pytest.mark.parametrize(
    "credential",
    [
        "postgresql://app:{}@db.example/app",
        "postgresql%3A%2F%2Fapp%3A{}%40db.example",
        "host=db.example password={} dbname=app",
        "host=db.example password='{}' dbname=app",
        "?user=app&password={}&sslmode=require",
        "?sslpassword={}",
        "PGPASSWORD={}",
        "ALTER ROLE app PASSWORD '{}';",
        "Authorization: Bearer {}",
        "auth_token={}",
    ],
)
def test_an_ordinary_password_is_taken_out_where_a_password_stands(password: str, credential: str) -> None:
    assert Redactor([password])(credential.format(password)) == credential.format("***")


def test_the_gap_of_a_credential_says_nothing() -> None:
    """Whatever the password is, what is left of the sentence is one and the same."""
    sentences = {
        Redactor([password])(f"postgresql://u:{password}@h/app password={password} app 1 true")
        for password in ("app", "1", "true", "geheim", "Geheim-778899")
    }

    assert sentences == {"postgresql://u:***@h/app password=*** app 1 true"}


def test_a_connection_strings_secrets_and_names_are_enough() -> None:
    found = parse("postgresql://app:app@db.example/app?sslmode=require&sslpassword=Geheim-778899")
    redact = Redactor(found.secrets, found.names)

    assert redact('role "app" of database "app"') == 'role "app" of database "app"'
    assert redact("could not use Geheim-778899") == "could not use ***"
    assert (
        redact("invalid dsn postgresql://app:app@db.example/app") == "invalid dsn postgresql://app:***@db.example/app"
    )


def test_hostile_text_takes_no_time() -> None:
    """Long runs of what an escape begins with, and of beginnings of the secret, are looked through once."""
    secret = "\\" * 9 + "'%25\\u00e9é\"" + "a" * 20
    redact = Redactor([secret, "aaaaaaaa1" * 4, "%%%%%%%%x", "app"])
    chance = random.Random(1)  # noqa: S311 - no secret
    texts = [
        "\\" * 20_000,
        "a" * 20_000,
        "%25" * 7_000,
        "&amp;" * 4_000,
        "".join(chance.choices("\\%25aé'\"", k=20_000)),
    ]
    began = time.process_time()

    for text in texts:
        redact(text)

    assert time.process_time() - began < 20
