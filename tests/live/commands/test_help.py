"""What a person sees who asks what this is: alone, with --help, in a pipe."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import typer.main

from pgvector_ready.commands.cli import app
from pgvector_ready.surroundings import CI_VARIABLES, PLATFORM_VARIABLES
from tests.support.command import run

COMMANDS = sorted(typer.main.get_group(app).commands)
ROOT = Path(__file__).parents[3]


def call(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"} or name.startswith("COV")}
    environment = {**kept, "COLUMNS": "80", **variables}
    return run(*arguments, environment=environment)


def test_alone_on_a_laptop_it_says_on_one_screen_what_it_can_do(tmp_path: Path) -> None:
    answer = call(HOME=str(tmp_path))

    lines = answer.stdout.splitlines()
    assert (answer.returncode, answer.stderr) == (0, "")
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert all(re.search(rf"^  {command} +\w", answer.stdout, re.MULTILINE) for command in COMMANDS)
    assert "  pgvector-ready serve " in answer.stdout
    assert "DATABASE_URL='postgresql://user:password@host:5432/database'" in answer.stdout
    assert list(tmp_path.iterdir()) == [], "nothing is made"


@pytest.mark.parametrize("variable", [PLATFORM_VARIABLES[0], CI_VARIABLES[0], "DATABASE_URL"])
def test_alone_where_it_is_meant_to_run_it_serves(variable: str) -> None:
    answer = call(PORT="0", **{variable: "true"})

    assert answer.returncode == 2
    assert "database_url_" in answer.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_each_help_has_two_examples_that_the_command_line_takes(command: str) -> None:
    answer = call(command, "--help")

    shown = answer.stdout.partition("Examples:\n")[2].splitlines()
    examples = [line.partition("  ")[0] for line in map(str.strip, shown) if line]
    assert answer.returncode == 0
    assert max(map(len, answer.stdout.splitlines())) <= 80
    assert len(examples) == 2
    for example in examples:
        words = [word for word in shlex.split(example) if not re.fullmatch(r"[A-Z_]+=\S*", word)]
        assert words[:2] == ["pgvector-ready", command]
        group = typer.main.get_group(app)
        with group.commands[command].make_context(command, words[2:]) as parsed:
            assert parsed.args == []


@pytest.mark.parametrize("arguments", [(), ("--help",), ("check", "--help")])
def test_in_a_pipe_there_are_no_colours(arguments: tuple[str, ...]) -> None:
    assert "\x1b" not in call(*arguments, TERM="xterm-256color").stdout


@pytest.mark.parametrize(
    ("line", "is_coloured"),
    [("make help | cat", False), ("script -qec 'make help' /dev/null", True)],
    ids=["in a pipe", "on a terminal"],
)
def test_make_help_has_colours_on_a_terminal_alone(line: str, *, is_coloured: bool) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "MAKEFLAGS"}}

    shown = subprocess.run(line, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)  # noqa: S602

    assert ("\x1b" in shown.stdout) == is_coloured
    assert "help " in shown.stdout
    assert "Run the service" in shown.stdout
