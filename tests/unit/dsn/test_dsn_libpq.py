"""The same meaning as libpq: every string is also given to libpq itself, which psycopg brings along.

`python -m tests.unit.dsn.test_dsn_libpq 1000000` compares that many strings.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import OperationalError, pq

from pgvector_ready.dsn import DsnError, parse
from pgvector_ready.dsn.conninfo import VARIABLES
from pgvector_ready.judgement.failures import Code
from tests.support.conninfo import libpq_keywords

STRINGS = int(os.environ.get("DSN_STRINGS", "40000"))
compared: Counter[str] = Counter()

# The inputs of libpq's own regression test, src/interfaces/libpq/t/001_uri.pl.
LIBPQ_REGRESSION = (
    "postgresql://uri-user:secret@host:12345/db",
    "postgresql://uri-user@host:12345/db",
    "postgresql://uri-user@host/db",
    "postgresql://host:12345/db",
    "postgresql://host/db",
    "postgresql://uri-user@host:12345/",
    "postgresql://uri-user@host/",
    "postgresql://uri-user@",
    "postgresql://host:12345/",
    "postgresql://host:12345",
    "postgresql://host/db",
    "postgresql://host/",
    "postgresql://host",
    "postgresql://",
    "postgresql://?hostaddr=127.0.0.1",
    "postgresql://example.com?hostaddr=63.1.2.4",
    "postgresql://%68ost/",
    "postgresql://host/db?user=uri-user",
    "postgresql://host/db?user=uri-user&port=12345",
    "postgresql://host/db?u%73er=someotheruser&port=12345",
    "postgresql://host/db?u%7aer=someotheruser&port=12345",
    "postgresql://host:12345?user=uri-user",
    "postgresql://host?user=uri-user",
    "postgresql://host?  user = uri-user & port  = 12345 ",
    "postgresql://host?  user user  =  uri  & port = 12345 12 ",
    "postgresql://host?  user  =  uri-user  & port = 12345 12 ",
    "postgresql://host?",
    "postgresql://[::1]:12345/db",
    "postgresql://[::1]/db",
    "postgresql://[2001:db8::1234]/",
    "postgresql://[200z:db8::1234]/",
    "postgresql://[::1]",
    "postgres://",
    "postgres:///",
    "postgres:///db",
    "postgres://uri-user@/db",
    "postgres://?host=/path/to/socket/dir",
    "postgresql://host?uzer=",
    "postgre://",
    "postgres://[::1",
    "postgres://[]",
    "postgres://[::1]z",
    "postgresql://host?zzz",
    "postgresql://host?value1&value2",
    "postgresql://host?key=key=value",
    "postgres://host?dbname=%XXfoo",
    "postgresql://a%00b",
    "postgresql://%zz",
    "postgresql://%1",
    "postgresql://%",
    "postgres://@host",
    "postgres://host:/",
    "postgres://:12345/",
    "postgres://otheruser@?host=/no/such/directory",
    "postgres://otheruser@/?host=/no/such/directory",
    "postgres://otheruser@:12345?host=/no/such/socket/path",
    "postgres://otheruser@:12345/db?host=/path/to/socket",
    "postgres://:12345/db?host=/path/to/socket",
    "postgres://:12345?host=/path/to/socket",
    "postgres://%2Fvar%2Flib%2Fpostgresql/dbname",
    # In libpq's test these three run with PGSSLROOTCERT=system, which has a test of its own below.
    "postgresql://host?sslmode=disable",
    "postgresql://host?sslmode=prefer",
    "postgresql://host?sslmode=verify-full",
)

NASTY = (*"@:/?#[]%&=+,;'\"\\ \t\n$*~é漢", "%41", "%2F", "%40", "%00", "%zz", "%C3%A9", "%ff", "%20", "@@", "''")
_TEXT = st.lists(st.sampled_from(("a", "b", "7", "x1", *NASTY)), max_size=4).map("".join)
_CLEAN = st.sampled_from(("user", "secret", "db", "host", "10.0.0.1", "h-1.example", "5432", "", "%68ost"))
_PIECE = _CLEAN | _CLEAN | _CLEAN | _TEXT | _TEXT.map(quote)
_KEYWORD = st.sampled_from((*VARIABLES, *VARIABLES, "ssl", "requiressl", "pgbouncer", "uzer", "u%73er", "", "HOST"))
_VALUE = st.sampled_from(("true", "1", "0", "require", "/var/run", "a,b", "")) | _PIECE


@st.composite
def uris(draw: st.DrawFn) -> str:
    """URIs, most of whose parts are there and some of whose parts are poisoned."""
    scheme = draw(st.sampled_from(("postgres://", "postgresql://", "postgresql://", "postgre://", "postgresql:")))
    userinfo = draw(st.sampled_from(("", "{}@", "{}:{}@", "{}:{}@"))).format(draw(_PIECE), draw(_PIECE))
    hosts = draw(st.lists(st.tuples(st.sampled_from(("{}", "{}:{}", "[{}]:{}", "[::1]")), _PIECE, _PIECE), max_size=3))
    location = ",".join(form.format(host, port) for form, host, port in hosts)
    path = draw(st.sampled_from(("", "/", "/{}"))).format(draw(_PIECE))
    pairs = draw(st.lists(st.tuples(_KEYWORD, _VALUE), max_size=3))
    query = "&".join(f"{keyword}={value}" for keyword, value in pairs)
    return scheme + userinfo + location + path + draw(st.sampled_from(("?", "?" if pairs else ""))) + query


@st.composite
def words(draw: st.DrawFn) -> str:
    """Strings of keyword=value, with quotes and backslashes where they hurt."""
    forms = st.sampled_from(("{}={}", "{} = {}", "{}='{}'", "{}= '{}' ", "{}=\\{}", "{}={}\\", "{} {}"))
    found = draw(st.lists(st.tuples(forms, _KEYWORD, _VALUE), max_size=4))
    return draw(st.sampled_from((" ", "\n", "", "  "))).join(form.format(*pair) for form, *pair in found)


def anything() -> st.SearchStrategy[str]:
    """Strings of any characters at all, but for NUL, at which C's strings end."""
    characters = st.characters(codec="utf-8", exclude_characters="\0")
    return st.builds(str.__add__, st.sampled_from(("postgres://", "postgres://u:", "user=", "")), st.text(characters))


STRATEGIES = {"uris": uris(), "words": words(), "anything": anything()}


def mutations(text: str) -> Iterator[str]:
    """The string itself, then with single characters taken out of it and nasty ones put in."""
    yield text
    step = max(1, len(text) // 12)
    yield from (text[:at] + text[at + 1 :] for at in range(0, len(text), step))
    poison = islice(cycle(NASTY), len(text) % len(NASTY), None)
    yield from (text[:at] + next(poison) + text[at:] for at in range(0, len(text) + 1, step))


def libpq(text: str) -> dict[str, str] | None:
    """What libpq itself says, or `None` when it refuses."""
    try:
        options = pq.Conninfo.parse(text.encode())
    except OperationalError:
        return None
    return {
        option.keyword.decode(): option.val.decode(errors="surrogateescape")
        for option in options
        if option.val is not None
    }


def agrees(text: str) -> None:
    """Compares acceptance and every keyword's value, and counts."""
    theirs = libpq(text)
    compared["accepted" if theirs is not None else "refused"] += 1
    assert libpq_keywords(text) == theirs


def comparison(strategy: st.SearchStrategy[str], strings: int) -> Callable[[], None]:
    """A Hypothesis run over about that many strings."""

    @settings(max_examples=max(1, strings // 22), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def compare(text: str) -> None:
        for mutated in mutations(text):
            agrees(mutated)

    return compare


@pytest.mark.parametrize("text", LIBPQ_REGRESSION, ids=range(len(LIBPQ_REGRESSION)))
def test_libpqs_own_cases_mean_the_same(text: str) -> None:
    """The regression test's inputs; what is expected of them is asked of libpq."""
    agrees(text)


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES.keys())
def test_generated_strings_mean_the_same(strategy: st.SearchStrategy[str]) -> None:
    """Whatever is written, both accept it or both refuse it, and it says the same to both."""
    before = compared.total()

    comparison(strategy, STRINGS // len(STRATEGIES))()

    assert compared.total() > before


@settings(max_examples=1500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(uris() | words() | anything())
def test_what_is_accepted_without_a_note_means_what_libpq_makes_of_it(text: str) -> None:
    """Of all that is refused or set aside on purpose nothing slips in, and nothing but `DsnError` comes out."""
    try:
        found = parse(text)
    except DsnError:
        return

    theirs = libpq(text)

    assert found.repaired or found.notes or found.keywords == theirs


def test_the_run_has_both_kinds_in_number(record_property: Callable[[str, object], None]) -> None:
    """A comparison in which libpq refuses everything would prove nothing; how many it were is told at the end."""
    record_property("compared", dict(compared))
    assert compared.total() > 20_000
    assert compared["accepted"] > STRINGS * 0.1
    assert compared["refused"] > STRINGS * 0.1


def test_keywords_and_their_variables_are_libpqs() -> None:
    """Every keyword of libpq 18, with the environment variable that libpq reads for it."""
    theirs = {
        option.keyword.decode(): option.envvar.decode() if option.envvar else None
        for option in pq.Conninfo.get_defaults()
    }

    assert dict(VARIABLES) == theirs


@pytest.mark.parametrize(
    ("rootcert", "mode", "expected"),
    [("system", None, "verify-full"), (None, None, None), ("system", "verify-full", "verify-full")],
    ids=["system", "none", "both"],
)
def test_system_certificates_demand_verification(rootcert: str | None, mode: str | None, expected: str | None) -> None:
    """The last three of libpq's own cases: PGSSLROOTCERT=system changes what sslmode is by default."""
    text = "postgresql://db" + (f"?sslmode={mode}" if mode else "")

    found = parse(text, {"PGSSLROOTCERT": rootcert} if rootcert else {})

    assert found.tls.get("sslmode") == expected


VALUES = [
    *(f"{keyword}={value}" for keyword in ("sslmode", "channel_binding", "gssencmode", "sslcertmode", "sslnegotiation")
      for value in ("disable", "prefer", "allow", "postgres", "REQUIRE", "''")),
    *(f"target_session_attrs={value}" for value in
      ("any", "read-write", "read-only", "primary", "standby", "prefer-standby", "master", "''")),
    *(f"load_balance_hosts={value}" for value in ("random", "disable", "yes", "''")),
    *(f"port={value}" for value in ("1", "0", "65536", "-1", "x", "''", "' +1 '", "'1 1'", "1e3", "9" * 20)),
    *(f"keepalives_idle={value}" for value in ("5", "x", "''", "' 7 '", "2147483648", "-2147483648")),
    *(f"tcp_user_timeout={value}" for value in ("5", "x", "''")),
    *(f"ssl_min_protocol_version={value}" for value in ("TLSv1.2", "tlsv1.3", "SSLv3", "''")),
    "ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2",
    "ssl_min_protocol_version=TLSv1.2 ssl_max_protocol_version=TLSv1.2",
    "min_protocol_version=3.2 max_protocol_version=3.0",
    "min_protocol_version=3.0 max_protocol_version=latest",
    "min_protocol_version=3.1",
    "min_protocol_version=''",
    *(f"require_auth={value}" for value in
      ("scram-sha-256", "md5,none", "!none,!md5", "md5,md5", "md5,!gss", "!md5,gss", "md5,", "oauth", "SCRAM", "''")),
    "sslrootcert=system",
    "sslrootcert=system sslmode=require",
    "sslrootcert=system sslmode=verify-full",
    "sslnegotiation=direct sslmode=require",
    "sslnegotiation=direct sslmode=prefer",
    "hostaddr=127.0.0.1,::1",
    "hostaddr=127.0.0.1,::1 port=1,1",
    "hostaddr=127.0.0.1,::1 port=1,1,1",
    "hostaddr=127.0.0.1,::1 host=a",
    "hostaddr=127.0.0.1,::1 host=a,b",
    "hostaddr=nowhere",
    "host=a,b",
]  # fmt: skip


@pytest.mark.parametrize("written", VALUES)
def test_values_are_refused_when_libpq_refuses_them_at_connect_time(
    written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without waiting for a connection: port 1 of this machine answers nobody."""
    for variable in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(variable)
    given_ones = {word.split("=")[0] for word in written.split()}
    text = " ".join(word for word in ("hostaddr=127.0.0.1", "port=1") if word.split("=")[0] not in given_ones)
    connection = pq.PGconn.connect_start(f"{text} {written}".encode())
    complaint = connection.error_message.decode()
    connection.finish()

    is_accepted = accepts(f"{text} {written}")

    assert is_accepted is not any(word in complaint for word in COMPLAINTS), complaint


# Each is a piece of a message of libpq's about a value, and of none about a connection.
COMPLAINTS = (
    "invalid",
    "could not match",
    "could not parse",
    "weak",
    "cannot be mixed",
    "more than once",
    "is greater",
)


def accepts(text: str) -> bool:
    """Whether `parse` does; a refusal has to be for the value."""
    try:
        parse(text)
    except DsnError as error:
        if error.failure.code is Code.DATABASE_URL_INVALID:
            return False
        raise
    return True


def main(strings: int) -> None:
    """Compares that many strings, or stops at the first one that means something else."""
    began_at = time.monotonic()
    for strategy in STRATEGIES.values():
        comparison(strategy, strings // len(STRATEGIES))()
    seconds = time.monotonic() - began_at
    told = f"{compared.total()} strings compared with libpq {pq.version()} in {seconds:.0f} s, none differs"
    print(f"{told}: {dict(compared)}")  # noqa: T201 - its only output


if __name__ == "__main__":
    main(int(sys.argv[-1]))
