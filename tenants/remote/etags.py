"""Which ETags may guard a write."""

import re
from typing import Final

# RFC 9110 section 8.8.3: entity-tag without the weakness mark; etagc is %x21, %x23-7E and obs-text.
_STRONG: Final = re.compile(rb'"[\x21\x23-\x7e\x80-\xff]*"')


def usable_for_if_match(etag: bytes | None) -> bool:
    """Tell whether an ETag, exactly as received, can be sent in If-Match.

    If-Match compares strongly (RFC 9110 section 13.1.1), so a weak ETag (`W/"…"`, section 8.8.3) never matches. It must
    not be made strong by cutting its mark off; the write falls back to the version guard, and the level shows it.
    """
    return etag is not None and _STRONG.fullmatch(etag) is not None
