"""What people type to choose from a numbered list: `1,3-5`, `all`, `none`."""

import re
from typing import Final

ALL: Final = ("all", "a", "*")
NONE: Final = ("none", "n", "no", "q", "quit")
_ONE: Final = re.compile(r"(\d{1,4})(?:\s*-\s*(\d{1,4}))?")


class NotAChoice(ValueError):
    """What was typed chooses nothing from the list; the message is a sentence."""


def chosen(typed: str, *, count: int) -> list[int]:
    """Give the chosen numbers from 1 to `count`, in order, each once; nothing typed means all of them.

    Numbers and ranges stand apart by commas or spaces. Raises NotAChoice.
    """
    word = typed.strip().casefold()
    if not word or word in ALL:
        return list(range(1, count + 1))
    if word in NONE:
        return []
    numbers: set[int] = set()
    for part in re.sub(r"\s*-\s*", "-", word).replace(",", " ").split():
        match = _ONE.fullmatch(part)
        if match is None:
            raise NotAChoice(f"{part!r} is no number and no range. Write numbers such as 1,3-5, or all, or none.")
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last:
            raise NotAChoice(f"The range {part} runs backwards. Write it as {last}-{first}.")
        outside = next((number for number in (first, last) if not 1 <= number <= count), None)
        if outside is not None:
            raise NotAChoice(f"There is no number {outside} in the list: it has 1 to {count}.")
        numbers.update(range(first, last + 1))
    return sorted(numbers)
