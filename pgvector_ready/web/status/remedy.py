"""A remedy as the status page shows it: the sentence, and in it the commands that people come for."""

import re

from pgvector_ready.web.status.language import Words
from pgvector_ready.web.status.markup import Html, tag, together

# What a remedy tells people to run: a statement up to its semicolon (not one within quotes), or one of the programs.
_COMMAND = re.compile(
    r"""(DO\ \$do\$.+?\$do\$;
    |(?:ALTER|CREATE|DROP|GRANT|REINDEX|SELECT|SET)\ (?:"[^"]*"|'[^']*'|[^;"'])+;
    |pgvector-ready\ (?:check(?:\ --enable)?|migrate)
    |psql\ -(?:l|h\ \S+\ -p\ \S+)
    |psql\ "\$DATABASE_URL"\ -c\ "[^"]*")""",
    re.VERBOSE,
)


def draw_remedy(remedy: str, words: Words) -> Html:
    """The sentence as it is, with each command in it set apart and ready to be copied."""
    parts = _COMMAND.split(remedy)  # every second one is a command
    return together(*(_command(part, words) if at % 2 else part for at, part in enumerate(parts)))


def _command(command: str, words: Words) -> Html:
    label = f"{words['copy']}: {command}"
    button = tag(
        "button", words["copy"], type="button", data_done=words["copied"], aria_label=label, lang=words["lang"]
    )
    return together(tag("code", command, class_="command"), button)
