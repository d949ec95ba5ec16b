"""A parameter that stands within a name would be shown with its value: refused, and never repeated."""

import html
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgvector_ready.documents.language import Language
from pgvector_ready.documents.wording import wording
from pgvector_ready.dsn import DsnError, parse
from pgvector_ready.dsn.conninfo import VARIABLES
from pgvector_ready.judgement.failures import Code
from tests.support.conninfo import libpq_keywords
from tests.support.sentences import assert_complete

SECRET = "Geheim-778899"  # noqa: S105 - it is looked for
MISPLACED = [f"{before}password={SECRET}" for before in ("&", ";", "?", ";user=u;", "&sslmode=require&", "; ")]


def refusal(text: str, environment: dict[str, str] | None = None) -> str:
    """Every sentence of the refusal, which has to be `database_url_invalid`."""
    with pytest.raises(DsnError) as caught:
        parse(text, environment or {})
    assert caught.value.failure.code is Code.DATABASE_URL_INVALID
    assert_complete(caught.value.failure)
    said = [wording(caught.value.failure, language) for language in Language]
    return " ".join(sentence for one in said for sentence in (one.message, one.remedy))


def nested(text: str, times: int) -> str:
    for _ in range(times):
        text = quote(text, safe="")
    return text


WAYS = {
    "database": "postgresql://app:pw@db.example:5432/app{}",
    "database, by a query": "postgresql://app:pw@db.example:5432/?dbname=app{}",
    "user": "postgresql://app{}:pw@db.example:5432/app",
    "user, without a password": "postgresql://app{}@db.example:5432/app",
    "host": "postgresql://app:pw@db.example{}/app",
    "socket": "postgresql://app:pw@%2Fvar%2Frun%2Fpostgresql{}/app",
    "socket, by a query": "postgresql://app:pw@/app?host=/var/run/postgresql{}",
    "application_name": "postgresql://app:pw@db.example/app?application_name=web{}",
    "fallback": "postgresql://app:pw@db.example/app?fallback_application_name=web{}",
}


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("misplaced", MISPLACED)
def test_a_parameter_in_a_part_of_a_uri_is_refused_however_often_it_is_encoded(
    way: str, times: int, misplaced: str
) -> None:
    said = refusal(WAYS[way].format(nested(misplaced, times)))

    assert SECRET not in said
    assert "has the parameter" in said
    assert "?sslmode=require" in said


@pytest.mark.parametrize("misplaced", ["&password={}", ";password={}", "&amp;password={}", "&sslmode=require;pwd={}"])
@pytest.mark.parametrize("way", ["database", "user, without a password"])
def test_it_is_refused_as_people_write_it(way: str, misplaced: str) -> None:
    said = refusal(WAYS[way].format(misplaced.format(SECRET)))

    assert SECRET not in said


@pytest.mark.parametrize("keyword", ["dbname", "user", "host", "application_name"])
@pytest.mark.parametrize("misplaced", MISPLACED[:-1])
def test_it_is_refused_among_keywords_and_values(keyword: str, misplaced: str) -> None:
    value = f"/run{misplaced}" if keyword == "host" else f"app{misplaced}"

    assert SECRET not in refusal(f"connect_timeout=3 {keyword}='{value}'")


@pytest.mark.parametrize("variable", ["PGDATABASE", "PGUSER", "PGHOST", "PGAPPNAME"])
def test_it_is_refused_in_a_variable_which_is_named(variable: str) -> None:
    said = refusal("postgresql:///", {variable: f"/app;password={SECRET}"})

    assert SECRET not in said
    assert variable in said


@pytest.mark.parametrize(
    "misplaced",
    [
        ";Password={}",
        ";Pwd={}",
        ";User Id=u;Pwd={}",
        "&DB_PASSWORD={}",
        "#password={}",
        ",password={}",
        " password={}",
        "/password={}",
        "|api_key={}",
        "&auth_token={}",
        ";sslpassword = {}",
        "postgresql://app:{}@db.example/app",
        "&url=https://app:{}@db.example/app",
    ],
)
def test_whatever_looks_like_a_secret_in_a_name_is_refused(misplaced: str) -> None:
    said = refusal(f"host=db.example dbname='app{misplaced.format(SECRET)}'")

    assert SECRET not in said


@pytest.mark.parametrize("keyword", sorted(VARIABLES))
def test_every_parameter_of_libpqs_is_known_by_name(keyword: str) -> None:
    said = refusal(f"postgresql://app@db.example/app&{keyword}=x")

    assert f"has the parameter {keyword} in it" in said


TOGETHER = [
    "postgresql://app%3A{}@db.example/app",
    "postgresql://app%253A{}@db.example/app",
    "postgresql://db.example/app?user=app%3A{}",
    "postgresql+asyncpg://app%3A{}@a.example,b.example/app",
    "host=db.example user=app:{}",
]


@pytest.mark.parametrize("text", TOGETHER)
def test_a_password_encoded_in_one_piece_with_the_user_is_no_name(text: str) -> None:
    said = refusal(text.format(SECRET))

    assert SECRET not in said
    assert "has a colon in it" in said


def test_it_is_refused_in_the_variable_of_the_user_too() -> None:
    said = refusal("postgresql://db.example/app", {"PGUSER": f"app:{SECRET}"})

    assert SECRET not in said
    assert "PGUSER has a colon in it" in said


@pytest.mark.parametrize(
    "text", ["postgresql://a%3Ab:pw@h/d", "postgresql://a%3Ab@h/d?password=", "user=a:b passfile=/x"]
)
def test_a_colon_of_the_name_itself_is_taken(text: str) -> None:
    assert parse(text).user == "a:b"


def test_the_advice_for_such_a_name_ends_it() -> None:
    assert "set PGPASSWORD" in refusal("postgresql://a%3Ab@h/d")

    assert parse("postgresql://a%3Ab@h/d", {"PGPASSWORD": ""}).user == "a:b"


TAKEN = ["a;b", "a&b", "a=b", "a&b=c", "a;", "a/", "/a", "a b", "naïve", "漢字", "a#b", "user", "password", "x'y", '"']


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("keyword", ["dbname", "user", "application_name"])
def test_any_other_name_that_psql_takes_is_taken(keyword: str, name: str) -> None:
    text = f"postgresql://db.example/?{keyword}={quote(name, safe='')}"

    found = parse(text)

    assert found.keywords == libpq_keywords(text)
    assert found.keywords[keyword] == name


@st.composite
def misplacements(draw: st.DrawFn) -> str:
    """A connection string with one of libpq's parameters in one of its names, encoded in one of many ways."""
    separator, keyword = draw(st.sampled_from("&;?")), draw(st.sampled_from(sorted(VARIABLES)))
    misplaced = draw(st.text(st.sampled_from("ab-1.é"), max_size=3)) + f"{separator}{keyword}={SECRET}"
    written = html.escape(misplaced) if draw(st.booleans()) else misplaced
    return draw(st.sampled_from(list(WAYS.values()))).format(nested(written, draw(st.integers(1, 3))))


@settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(misplacements())
def test_no_generated_string_with_a_secret_in_a_name_is_accepted_or_repeated(text: str) -> None:
    assert SECRET not in refusal(text)


@pytest.mark.parametrize(
    ("query", "named", "advice"),
    [
        ("sslMode=require", "sslMode", "Write sslmode,"),
        ("SSLMODE=require", "SSLMODE", "Write sslmode,"),
        ("ssl_mode=require", "ssl_mode", "Write sslmode,"),
        ("ssl-root-cert=x", "ssl-root-cert", "Write sslrootcert,"),
        ("connectTimeOut=3", "connectTimeOut", "Write connect_timeout,"),
        ("conect_timeout=3", "conect_timeout", "Write connect_timeout,"),
        ("TimeZone=UTC", "TimeZone", "write options=-c%20TimeZone%3D"),
        ("DateStyle=ISO", "DateStyle", "write options=-c%20DateStyle%3D"),
        ("connect_timeout=3&amp;sslmode=require", "amp;sslmode", "Write &sslmode= in place of &amp;sslmode="),
        ("connect_timeout=3&amp;sslMode=require", "amp;sslMode", "Write &sslmode= in place of &amp;sslmode="),
        ("passwrod=Geheim-778899", "passwrod", "Write password,"),
        ("uzer=x", "uzer", "Write user,"),
        ("qqzzy=1", "qqzzy", "Remove it or correct its spelling"),
    ],
)
def test_an_unknown_parameter_is_named_with_the_right_spelling(query: str, named: str, advice: str) -> None:
    said = refusal(f"postgresql://app:pw@db.example/app?{query}")

    assert f"the parameter {named} that" in said
    assert advice in said
    assert SECRET not in said
    assert "UTC" not in said


@pytest.mark.parametrize("query", ["amp;" * 400 + "sslmode=require", "amp;\x1b[31m=require", "x" * 400 + "=1"])
def test_a_parameters_name_is_bounded_and_printable(query: str) -> None:
    said = refusal(f"postgresql://app:pw@db.example/app?{query}")

    assert said.isprintable()
    assert len(said) < 800
