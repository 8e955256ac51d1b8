"""Signatures of refusals, as the catalogue writes them.

    409                             any 409
    409 invalid.update.wrong.version    a 409 with that code
    400 ~ does not match            a 400 whose message holds these words, whatever their case

Of several that fit, the most telling one counts: words before a code, a code before a bare status.
"""

import re
from dataclasses import dataclass
from typing import Final

_WRITTEN: Final = re.compile(r"([45][0-9]{2})(?: ~ (\S.*\S)| ([A-Za-z0-9._-]+))?")


@dataclass(frozen=True, slots=True)
class Signature:
    """What tells one kind of refusal from another; `code` and `words` are empty where they do not matter."""

    status: int
    code: str
    words: str

    @classmethod
    def parse(cls, written: str) -> "Signature":
        """Give the signature that a line of the catalogue writes; raise ValueError if it is none."""
        match = _WRITTEN.fullmatch(written)
        if match is None:
            message = f"{written!r} is no signature: write `409`, `409 a.code` or `409 ~ words of the message`"
            raise ValueError(message)
        status, words, code = match.groups(default="")
        return cls(int(status), code, words.casefold())

    @property
    def weight(self) -> int:
        """How much it tells: 3 for words, 2 for a code, 1 for a status alone."""
        return 3 if self.words else 2 if self.code else 1

    def fits(self, *, status: int, code: str, message: str) -> bool:
        """Tell whether an answer bears it."""
        return (
            status == self.status
            and (not self.code or code == self.code)
            and (not self.words or self.words in message.casefold())
        )
