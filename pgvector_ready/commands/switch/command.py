"""The command `switch`: its options."""

import logging
import os
import signal
from typing import Annotated

import typer


def switch(  # noqa: PLR0913 - each is an option of the command line
    *,
    service: Annotated[
        str, typer.Option("--service", metavar="NAME", help="The web service on Render: its exact name, or its id.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show everything; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    migrate: Annotated[
        bool, typer.Option("--migrate", help="Bring the new database to the newest revision first.")
    ] = False,
    without_migrations: Annotated[
        bool, typer.Option("--without-migrations", help="Move although the new database is at another revision.")
    ] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Put back the value from before the last switch instead.")
    ] = False,
    wait: Annotated[
        float, typer.Option(min=1, max=7200, metavar="SECONDS", help="How long to wait for a deploy.")
    ] = 1800.0,
) -> None:
    """Move a Render service to the database in NEW_DATABASE_URL.

    Exit code 0: done, or nothing to do, 1: not done, 2: wrong use.

    With RENDER_API_KEY it checks the database, compares its migrations with those of the old one, enables pgvector
    there, sets DATABASE_URL on the service, deploys, follows the deploy and verifies the service from outside; if that
    fails, the value from before is put back and deployed. It may be cut off at any moment: run it again and it goes on.
    It copies no data.
    """
    from pgvector_ready.commands.switch.dialogue import Terminal
    from pgvector_ready.commands.switch.run import Order, Relocation
    from pgvector_ready.commands.switch.steps import Timing

    logging.disable()
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        # Raised where it comes: the state of everything is yet to be printed.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    order = Order(
        service=service,
        dry_run=dry_run,
        yes=yes,
        rollback=rollback,
        migrate=migrate,
        without_migrations=without_migrations,
    )
    with Terminal() as terminal:
        code = Relocation(order, os.environ, terminal, Timing(wait_seconds=wait)).run()
    raise typer.Exit(code)
