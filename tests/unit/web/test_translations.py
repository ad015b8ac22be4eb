"""Chinese is complete, and says what the English says."""

import re

import pytest

from mes.web.translations import _stored, collect, island_messages, missing, translations

PLACE = re.compile(r"%\((\w+)\)s")


def test_every_message_has_a_chinese_translation() -> None:
    assert missing("zh") == []


def test_the_catalogue_holds_nothing_that_no_screen_says() -> None:
    said = {message.id for message in collect() if message.id}
    assert {message.id for message in _stored("zh") if message.id} <= said


def test_a_translation_has_the_facts_of_its_message() -> None:
    for message in _stored("zh"):
        if message.id:
            assert set(PLACE.findall(str(message.string))) == set(PLACE.findall(str(message.id)))


def test_screens_and_islands_are_searched_for_messages() -> None:
    said = {message.id for message in collect()}
    assert {"What needs attention", "Solve now", "Blocked"} <= said
    assert "Yes, this car can be built." in island_messages()


@pytest.mark.parametrize(("language", "expected"), [("en", "Running"), ("zh", "运行")])
def test_a_message_comes_in_the_readers_language(language: str, expected: str) -> None:
    assert translations(language).gettext("Running") == expected  # type: ignore[arg-type]


def test_a_message_nobody_translated_is_shown_in_english() -> None:
    assert translations("zh").gettext("never written anywhere") == "never written anywhere"


def test_a_count_takes_its_form() -> None:
    english, chinese = translations("en"), translations("zh")
    assert [english.ngettext("car", "cars", n) for n in (1, 2)] == ["car", "cars"]
    assert chinese.ngettext("car", "cars", 1) == "cars"
