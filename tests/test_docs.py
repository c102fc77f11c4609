"""The README names what there is, all of it, and nothing else; the catalogs translate every sentence."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po
from django.conf import settings
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

from chatbot.models import Conversation, Event

BASE_DIR = Path(__file__).resolve().parent.parent
README = (BASE_DIR / "README.md").read_text()
APPS = ("chatbot", "customers")
NAME = re.compile(r"`([^`\s]+)`")
FILE = re.compile(r"[\w./-]+\.(py|js|json|toml|csv|jsonl|po)")
CATALOGS = sorted((BASE_DIR / "chatbot" / "locale").glob("*/LC_MESSAGES/django.po"))
# What visitors read; the admin's own sentences are checked with the admin.
FOR_VISITORS = ("chatbot/strings.py", "chatbot/wire.py", "chatbot/consumers.py", "customers/defaults.py")
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[a-z]|\{\w*\}")
IMAGE_MAX_BYTES = 300_000


def section(title: str) -> str:
    """Return the README's text under a heading, up to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(title)}$", README, re.MULTILINE)
    assert found, f"the README has no section {title!r}"
    rest = README[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", without_code(rest), re.MULTILINE)
    return rest[: end.start()] if end else rest


def without_code(text: str) -> str:
    """Blank out fenced code, whose comments look like headings, without moving anything."""
    return re.sub(r"^```.*?^```", lambda code: " " * len(code[0]), text, flags=re.MULTILINE | re.DOTALL)


def table(title: str) -> list[list[str]]:
    """Return the cells of the first table under a heading, without its two head lines."""
    lines = section(title).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows[2:]


def first_column(title: str) -> list[str]:
    """Return the names in the first column of a table."""
    return [name for row in table(title) for name in NAME.findall(row[0])]


def source(*patterns: str) -> Iterator[tuple[Path, ast.Module]]:
    """Parse the Python files that match."""
    for pattern in patterns:
        for path in sorted(BASE_DIR.glob(pattern)):
            yield path, ast.parse(path.read_text())


def constant(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


# ---------------------------------------------------------------- settings


def settings_read() -> dict[str, ast.expr | None]:
    """Return every environment variable that Kefu reads, with the expression of its default."""
    found: dict[str, ast.expr | None] = {}
    for path, tree in source("chatbot/**/*.py", "customers/**/*.py"):
        for node in ast.walk(tree):
            name = constant(node.args[0]) if isinstance(node, ast.Call) and node.args else None
            if not isinstance(node, ast.Call) or not isinstance(name, str):
                continue
            called = ast.unparse(node.func)
            if path.name == "settings.py" and re.fullmatch(r"env_\w+", called):
                found[name] = node.args[1] if len(node.args) > 1 else None
            elif called in {"os.environ.get", "os.getenv"}:
                found.setdefault(name, None)
    return found


def test_every_setting_is_in_the_table_once_and_no_other() -> None:
    read = settings_read()
    assert len(read) > 15, "the settings were not found in the source"
    assert sorted(first_column("Configuration")) == sorted(read)


def test_the_defaults_in_the_table_are_those_of_the_code() -> None:
    read = settings_read()
    wrong = {}
    for row in table("Configuration"):
        value = constant(read[NAME.findall(row[0])[0]])
        if value is not None:
            shown = "" if value == "" else f"`{int(value) if isinstance(value, bool | int) else value}`"
            # A default that is computed when nothing is set is told in words.
            if row[1] != shown and not (value == "" and row[1]):
                wrong[row[0]] = (row[1], shown)
    assert not wrong


def test_no_setting_is_named_that_does_not_exist() -> None:
    code = "\n".join(
        path.read_text()
        for pattern in ("chatbot/**/*.py", "customers/**/*.py", "tests/flows/*.py", "Makefile")
        for path in BASE_DIR.glob(pattern)
    )
    named = set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", README))
    assert named
    assert {name for name in named if not re.search(rf"\b{name}\b", code)} == set()


# ---------------------------------------------------------------- commands


def commands() -> dict[str, BaseCommand]:
    """Return the project's own management commands."""
    return {
        path.stem: load_command_class(app, path.stem)
        for app in APPS
        for path in (BASE_DIR / app / "management" / "commands").glob("[!_]*.py")
    }


def test_every_command_is_in_the_table_once_and_no_other() -> None:
    assert sorted(first_column("Commands")) == sorted(commands())


def test_the_table_has_every_option_of_every_command_and_no_other() -> None:
    common = options(BaseCommand())
    found = {name: options(command) - common for name, command in commands().items()}
    told = {NAME.findall(row[0])[0]: set(NAME.findall(row[1])) for row in table("Commands")}
    assert told == found


def options(command: BaseCommand) -> set[str]:
    """Return the long options of a command."""
    actions = command.create_parser("manage.py", "command")._actions
    return {option for action in actions for option in action.option_strings if option.startswith("--")}


def test_no_command_is_named_that_does_not_exist() -> None:
    named = set(re.findall(r"manage\.py ([a-z_]+)", README))
    assert named >= {"serve", "ask"}
    assert named - set(get_commands()) == set()


def test_the_targets_of_make_are_told() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", (BASE_DIR / "Makefile").read_text(), re.MULTILINE)
    assert phony
    assert set(re.findall(r"(?:`|\$ |\] )make ([a-z]+)", README)) == set(phony[1].split())


# ---------------------------------------------------------------- the socket


def frames_understood() -> set[str]:
    """Return the types that `wire.parse_frame` matches."""
    [(_path, tree)] = source("chatbot/wire.py")
    parse = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "parse_frame")
    values = (constant(node.value) for node in ast.walk(parse) if isinstance(node, ast.MatchValue))
    return {value for value in values if isinstance(value, str)}


def events_sent() -> set[str]:
    """Return the durable kinds, and the types of the frames that the socket's modules write out."""
    found = set(Event.Kind.values)
    for _path, tree in source("chatbot/consumers.py", "chatbot/event_feed.py", "chatbot/wire.py"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if constant(key) == "type" and isinstance(name := constant(value), str):
                        found.add(name)
    return found


def error_codes() -> set[str]:
    """Return the codes that anything is refused with."""
    codes = (
        constant(node.args[0])
        for _path, tree in source("chatbot/**/*.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Refused" and node.args
    )
    return {code for code in codes if isinstance(code, str)}


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("Frames from the client", frames_understood()),
        ("Events from the server", events_sent()),
        ("Error codes", error_codes()),
    ],
    ids=["frames", "events", "errors"],
)
def test_the_socket_is_told_whole(title: str, found: set[str]) -> None:
    assert len(found) > 5
    assert sorted(first_column(title)) == sorted(found)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("role", Event.Role.values),
        ("outcome", Event.Outcome.values),
        ("state", Conversation.State.values),
    ],
)
def test_the_values_of_an_event_are_told(name: str, values: list[str]) -> None:
    line = re.search(rf"^- \*\*{name}\*\*: (.*)$", section("Events from the server"), re.MULTILINE)
    assert line
    assert sorted(NAME.findall(line[1])) == sorted(values)


# ---------------------------------------------------------------- files


def tree_lines() -> dict[str, str]:
    """Return the paths of the README's file tree, each with its clause."""
    found, parent = {}, ""
    for line in section("The files").split("```")[1].splitlines()[1:]:
        name, _, clause = line.strip().partition(" ")
        if not line.startswith(" "):
            parent = name if name.endswith("/") else ""
            found[name] = clause.strip()
        else:
            found[parent + name] = clause.strip()
    return found


def entries(folder: Path) -> Iterator[str]:
    """Yield what people look for in a folder: no hidden files, no caches, no package markers, no data."""
    for path in folder.iterdir():
        if path.name.startswith((".", "__")) or path.name in {"var", "test-results", "playwright-report"}:
            continue
        yield path.relative_to(BASE_DIR).as_posix() + ("/" if path.is_dir() else "")


def test_the_tree_has_every_folder_and_module_with_a_clause_and_no_other() -> None:
    told = tree_lines()
    there = {name for folder in (BASE_DIR, *(BASE_DIR / app for app in APPS)) for name in entries(folder)}
    assert there - told.keys() == set(), "missing in the README"
    assert told.keys() - there == set(), "only in the README"
    assert [name for name, clause in told.items() if not clause] == []


def test_files_named_elsewhere_exist() -> None:
    """A path, or a module's name below the folder that was named before it."""
    named = set(filter(FILE.fullmatch, NAME.findall(README)))
    known = {path.name for folder in (*APPS, "static", "tests") for path in (BASE_DIR / folder).rglob("*.*")}
    examples = {name for name in named if "it-IT" in name or "/it/" in name}
    formats = {"faq.jsonl", "queries.jsonl", "config.json", "tokenizer.json"}
    missing = {
        name
        for name in named - examples - formats
        if not (BASE_DIR / name).is_file() and ("/" in name or name not in known)
    }
    assert missing == set()


def test_links_and_pictures_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", without_code(README), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(([^)]+)\)", README) + re.findall(r'src="([^"]+)"', README)
    assert links
    lost = [
        link
        for link in links
        if not (link[1:] in anchors if link.startswith("#") else (BASE_DIR / link).is_file())
    ]
    assert lost == []
    pictures = sorted((BASE_DIR / "docs").iterdir())
    assert {f"docs/{path.name}" for path in pictures} == {link for link in links if "docs/" in link}
    assert all(path.stat().st_size < IMAGE_MAX_BYTES for path in pictures)


# ---------------------------------------------------------------- translations


def read_catalog(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, abort_invalid=True)


def forms(value: str | list[str] | tuple[str, ...] | None) -> list[str]:
    """Return a message's forms: one, or one per grammatical number."""
    return [value or ""] if isinstance(value, str | None) else list(value)


def test_every_language_but_english_has_a_catalog() -> None:
    languages = {code.replace("-", "_") for code, _name in settings.LANGUAGES} - {"en"}
    assert {path.parent.parent.name.lower() for path in CATALOGS} == languages


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parent.parent.name)
def test_a_catalog_is_complete_and_certain(path: Path) -> None:
    messages = [message for message in read_catalog(path) if message.id]
    assert messages
    assert [m.id for m in messages if not all(form.strip() for form in forms(m.string))] == []
    assert [m.id for m in messages if m.fuzzy] == []


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parent.parent.name)
def test_translations_keep_the_placeholders(path: Path) -> None:
    catalog = read_catalog(path)
    assert [(message.id, [str(error) for error in errors]) for message, errors in catalog.check()] == []
    assert [message.id for message in catalog if message.id and not keeps_placeholders(message)] == []


def keeps_placeholders(message: Message) -> bool:
    """Say whether a translation has the placeholders of its message; forms for one or two may leave the number out."""
    wanted = set(PLACEHOLDER.findall(forms(message.id)[-1]))
    found = [set(PLACEHOLDER.findall(form)) for form in forms(message.string)]
    if len(forms(message.id)) == 1:
        return found == [wanted]
    return found[-1] == wanted and all(form <= wanted for form in found)


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parent.parent.name)
def test_every_sentence_for_visitors_is_translated(path: Path) -> None:
    translated = {forms(message.id)[0] for message in read_catalog(path) if message.id}
    found = [entry for module in FOR_VISITORS for entry in extract_from_file("python", BASE_DIR / module)]
    written = {forms(entry[1])[0] for entry in found}
    assert len(written) > 50, "the sentences were not found in the source"
    assert sorted(written - translated) == []
