"""What `doctor` finds."""

from __future__ import annotations

import dataclasses
from typing import Literal

State = Literal["works", "look", "broken"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was found about one thing: `look` is worth a look, `broken` does not work until something is done."""

    name: str
    state: State
    message: str
    remedy: str = ""
