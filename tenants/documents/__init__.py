"""Pure work on JSON documents: strict reading, canonical form, digest, members, difference, patches, display rows.

Nothing here imports Django, the network or the database; values go in, values come out.
"""

from tenants.documents.blame import Blame, BlamedLine, Field, Told, Touch, blame, outline
from tenants.documents.canonical import canonical_bytes, digest
from tenants.documents.composition import Composed, Overlap, Part, PutBack, Side, composed, parts
from tenants.documents.difference import MISSING, Change, Difference, Missing, compare
from tenants.documents.labels import visible
from tenants.documents.layout import Found, Layout, RowPlace
from tenants.documents.lines import Line, Segment, pretty
from tenants.documents.matching import DEFAULT_IDENTITY_KEYS, same
from tenants.documents.patches import PatchRefused, patch_of, patched
from tenants.documents.patterns import found, without
from tenants.documents.places import LEFT, TAKEN, Choice, Grain, NotAPart, Place, Touched, locate, place_text
from tenants.documents.pointers import InvalidPointer, NotFound, join, resolve, split
from tenants.documents.raw_members import compose, extract, list_items, replace, root_members
from tenants.documents.rows import side_by_side, unified
from tenants.documents.sections import Row, Section, Span, in_one_column
from tenants.documents.spelling import to_text
from tenants.documents.strict import LIMITS, InvalidDocument, Limits, load
from tenants.documents.values import Number, Value

__all__ = [
    "DEFAULT_IDENTITY_KEYS",
    "LEFT",
    "LIMITS",
    "MISSING",
    "TAKEN",
    "Blame",
    "BlamedLine",
    "Change",
    "Choice",
    "Composed",
    "Difference",
    "Field",
    "Found",
    "Grain",
    "InvalidDocument",
    "InvalidPointer",
    "Layout",
    "Limits",
    "Line",
    "Missing",
    "NotAPart",
    "NotFound",
    "Number",
    "Overlap",
    "Part",
    "PatchRefused",
    "Place",
    "PutBack",
    "Row",
    "RowPlace",
    "Section",
    "Segment",
    "Side",
    "Span",
    "Told",
    "Touch",
    "Touched",
    "Value",
    "blame",
    "canonical_bytes",
    "compare",
    "compose",
    "composed",
    "digest",
    "extract",
    "found",
    "in_one_column",
    "join",
    "list_items",
    "load",
    "locate",
    "outline",
    "parts",
    "patch_of",
    "patched",
    "place_text",
    "pretty",
    "replace",
    "resolve",
    "root_members",
    "same",
    "side_by_side",
    "split",
    "to_text",
    "unified",
    "visible",
    "without",
]
