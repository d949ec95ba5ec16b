"""The command `verify`: its options, and its exit code."""

import os
from enum import StrEnum
from typing import Annotated

import typer

from pgvector_ready.commands.complaint import complaining
from pgvector_ready.paths import HEALTH_PATH

_FAILED = 1


class Format(StrEnum):
    """The forms of the output."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"


def verify(  # noqa: PLR0913 - each is an option of the command line
    url: Annotated[str, typer.Argument(help="The service, such as https://app.example.com.", metavar="URL")],
    *,
    path: Annotated[
        str, typer.Option(metavar="PATH", help="Where its two endpoints are: the `path` given to Ready.")
    ] = HEALTH_PATH,
    expect_commit: Annotated[
        str | None, typer.Option(metavar="SHA", help="The commit that should answer; may be abbreviated.")
    ] = None,
    expect_host: Annotated[
        str | None, typer.Option(metavar="HOST", help="The database server that the service should use.")
    ] = None,
    expect_database: Annotated[
        str | None, typer.Option(metavar="NAME", help="The database that the service should use.")
    ] = None,
    expect_fingerprint: Annotated[
        str | None, typer.Option(metavar="HEX", help="The database's fingerprint, as target.fingerprint shows it.")
    ] = None,
    minimum_pgvector: Annotated[
        str | None, typer.Option(metavar="VERSION", help="The oldest pgvector that is good enough.")
    ] = None,
    differs_from: Annotated[
        str | None, typer.Option(metavar="URL", help="Another service, which must not share its database.")
    ] = None,
    also: Annotated[
        list[str] | None, typer.Option(metavar="PATH=STATUS", help="An endpoint of your own; may be repeated.")
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, max=86_400, metavar="SECONDS", help="Ask again until everything passes.")
    ] = 0.0,
    style: Annotated[Format, typer.Option("--format", help="For a person, a program, or a CI's table of tests.")] = (
        Format.TEXT
    ),
) -> None:
    """Check a deployed service from outside.

    Exit code 0: all is as it should be, 1: something is not, 2: wrong use.

    Where a HEALTH_TOKEN protects the service, set the same variable here, and OTHER_HEALTH_TOKEN for the other one.
    A login in the URL is sent as basic authentication; it is never shown.
    """
    from pgvector_ready.commands.verify import attempts, presentation
    from pgvector_ready.commands.verify import plan as plans
    from pgvector_ready.commands.verify.address import WrongUseError
    from pgvector_ready.loop import run

    with complaining(WrongUseError):
        plan = plans.read(
            os.environ,
            url=url,
            path=path,
            commit=expect_commit,
            host=expect_host,
            database=expect_database,
            fingerprint=expect_fingerprint,
            minimum_version=minimum_pgvector,
            differs_from=differs_from,
            also=also or (),
        )
        with presentation.progress(plan.address.origin, wait) as hear:
            verification = run(attempts.verify(plan, attempts.Patience(wait), hear))
        presentation.show(verification, style)
    raise typer.Exit(0 if verification.is_passed else _FAILED)
