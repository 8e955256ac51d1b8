"""An operator adds and overrides types by a file of their own; a mistake in it names file, type and key."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenants.resource_types import InvalidCatalogue, UnknownType, all_types, catalogue, get

SURVEY = """
["survey.form"]
title = "Survey form"
object_path = "/api/v2/quality/forms/surveys/{id}"
paging = "none"
update_method = "PUT"
version_rule = "none"
guard = "compare"
writable = ["name", "questionGroups"]
read_only = ["id"]
identity_keys = ["id"]
write_permissions = { any = ["quality:surveyForm:edit"] }
visibility_horizon_seconds = 60
"""


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """Give the place of the file; afterwards none counts."""
    yield tmp_path / "types.toml"
    catalogue.use_file(None)


def test_a_type_is_added_without_code_and_comes_last(file: Path) -> None:
    shipped = all_types()
    file.write_text(SURVEY, encoding="utf-8")

    catalogue.use_file(file)

    assert all_types()[:-1] == shipped
    assert all_types()[-1].name == "survey.form"
    assert get("survey.form").guard_level == "C"
    assert catalogue.own_file() == (file, ("survey.form",))


def test_a_known_type_keeps_the_keys_that_the_file_does_not_give(file: Path) -> None:
    before = get("responsemanagement.library")
    file.write_text(
        '["responsemanagement.library"]\nversion_rule = "none"\nversion_pointer = ""\nguard = "compare"\n',
        encoding="utf-8",
    )

    catalogue.use_file(file)

    after = get("responsemanagement.library")
    assert (before.guard_level, after.guard_level) == ("B", "C")
    assert (after.writable, after.object_path) == (before.writable, before.object_path)
    assert after.profile != before.profile
    assert [rtype.name for rtype in all_types()].index(after.name) < len(all_types()) - 1
    catalogue.use_file(None)
    assert get("responsemanagement.library") == before
    assert catalogue.own_file() is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '["routing.queue"]\nimmutible = ["name"]\n',
            "type 'routing.queue', key 'immutible': no such key; did you mean",
        ),
        (
            '["routing.queue"]\nguard = "etag"\n',
            "type 'routing.queue', key 'guard': it is 'etag', yet 'etags' is false",
        ),
        (SURVEY.replace("title", "# title"), "type 'survey.form', key 'title': it is missing"),
        (SURVEY + 'parent = "routing.queue"\n', "type 'survey.form', key 'parent': "),
        ('["assistants.queue"]\nparent = "assistants.copilot"\n', "is no type that can be listed by itself"),
        ('["routing.queue"]\nalias_of = "nobody.knows"\n', "type 'routing.queue', key 'alias_of': "),
        ("[[", "it is not TOML"),
        ("", "it declares no type"),
    ],
)
def test_a_mistake_names_the_file_the_type_and_the_key_and_nothing_changes(file: Path, text: str, says: str) -> None:
    before = all_types()
    file.write_text(text, encoding="utf-8")

    with pytest.raises(InvalidCatalogue, match=re.escape(says)) as refused:
        catalogue.use_file(file)

    assert f"file {file}" in str(refused.value)
    assert all_types() == before
    with pytest.raises(UnknownType):
        get("survey.form")


def test_a_file_that_is_not_there_or_is_no_text_is_refused_by_its_name(file: Path) -> None:
    with pytest.raises(InvalidCatalogue, match=r"types\.toml: it cannot be read \(No such file or directory\)"):
        catalogue.use_file(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidCatalogue, match=r"types\.toml: it is not UTF-8 text"):
        catalogue.use_file(file)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"# " + b"x" * 1024 * 1024, "longer than the 1,048,576 bytes that are read"),
        (b"a = " + b"[" * 5000 + b"]" * 5000, "nests too deep"),
        (b"a = " + b"9" * 5000, "a number that is too long"),
        (b"\xff\xfea = 1", "not UTF-8 text"),
        (b"\xef\xbb\xbfa = 1", "not TOML"),
        (b'["a.b"]\ntitle = "a\x00b"', "not TOML"),
        (b'["a.b"]\ntitle = "a"\ntitle = "b"', "not TOML"),
        (b'{"a": 1}', "not TOML"),
    ],
    ids=["large", "deep", "a long number", "UTF-16", "a byte order mark", "NUL", "a key twice", "JSON"],
)
def test_a_file_of_odd_bytes_is_refused_with_its_name(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "types.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=reason) as refused:
        catalogue.check_file(path)
    assert str(path) in str(refused.value)
