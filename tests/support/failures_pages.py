"""docs/failures.ja.md, and the pages that the service brings: `make failures` makes them anew."""

import re
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from pgvector_ready.documents.language import Language
from pgvector_ready.documents.sentences import PROVIDER_REMEDIES, SENTENCES
from pgvector_ready.judgement.failures import Code

ROOT = Path(__file__).parents[2]
ENGLISH, JAPANESE = ROOT / "docs" / "failures.md", ROOT / "docs" / "failures.ja.md"
PAGES = ROOT / "pgvector_ready" / "web" / "failures"
_JAPANESE_HEAD = """\
# 失敗コード

すべての失敗と警告には、変わることのないコードがあります。ここでは、コードごとに、表示される文と次にすることを示します。
`〈…〉` には、そのときの値が入ります。原因の詳しい説明は英語版の [failures.md](failures.md) にあります。

この文書は、サービスが実際に表示する文から作られています。
"""
_STYLE = """
:root {
  color-scheme: light dark; --ink: #1d1f22; --paper: #fbfaf8; --rule: #e4e1db;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Hiragino Sans", "Noto Sans JP", "Noto Sans CJK JP", sans-serif;
  --mono: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6e3; --paper: #141618; --rule: #2c3034; } }
body {
  max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 var(--sans); overflow-wrap: anywhere;
}
h2 { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--rule); font: 600 1.25rem var(--mono); }
h2:target { border-top: 3px solid currentColor; }
a { color: inherit; text-underline-offset: .2em; }
code { font: .9em var(--mono); }
li { margin-bottom: .75rem; }
pre { padding: .75rem 1rem; border: 1px solid var(--rule); border-radius: .5rem; white-space: pre-wrap; }
table { border-collapse: collapse; }
th, td { padding: .25rem .75rem; border: 1px solid var(--rule); text-align: left; vertical-align: top; }
"""


def japanese() -> str:
    """What is said of each code, as the table of sentences has it."""
    parts = [_JAPANESE_HEAD]
    for code in Code:
        said = [(key, sentences) for key, sentences in SENTENCES.items() if key[0] is code]
        lines = [f"## {code}\n"]
        for (_, case), sentences in said:
            remedies = [sentences.remedy, *(text for key, text in PROVIDER_REMEDIES.items() if key[:2] == (code, case))]
            told = dict.fromkeys(_open(remedy.in_language(Language.JAPANESE)) for remedy in remedies)
            message = f"- **表示** {_open(sentences.message.in_language(Language.JAPANESE))}"
            lines.append("\\\n".join([message, *(f"  **対処** {remedy}" for remedy in told)]))
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _open(text: str) -> str:
    """The sentence with a mark in the place of each value, safe in Markdown."""
    marked = re.sub(r"\{(\w+?)(?:_identifier)?(?:[:!][^}]*)?\}", r"〈\1〉", text)
    marked = marked.replace(":password@", ":…@")  # an example is no credential, and looks like one
    return re.sub(r"([<>*\\`\[\]])", r"\\\1", marked)


def page(markdown: str, language: Language) -> str:
    """The document as a page of its own: sections with their codes as anchors, and no link that leads out of it."""
    parser = MarkdownIt().enable("table")
    tokens = parser.parse(markdown)
    for at, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            token.attrSet("id", tokens[at + 1].content)
        if token.children:
            token.children = _without_foreign_links(token.children)
    body = parser.renderer.render(tokens, parser.options, {})
    title = re.sub(r"<[^>]*>", "", body.partition("</h1>")[0]).strip()
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="robots" content="noindex">\n<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )


def _without_foreign_links(tokens: list[Token]) -> list[Token]:
    kept, is_foreign = [], False
    for token in tokens:
        if token.type == "link_open":
            is_foreign = not str(token.attrGet("href")).startswith(("#", "https://"))
        if token.type in {"link_open", "link_close"} and is_foreign:
            continue
        kept.append(token)
    return kept


def pages() -> dict[Path, str]:
    """Each file that is made, and what it holds."""
    twin = japanese()
    return {
        JAPANESE: twin,
        PAGES / "en.html": page(ENGLISH.read_text(), Language.ENGLISH),
        PAGES / "ja.html": page(twin, Language.JAPANESE),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
