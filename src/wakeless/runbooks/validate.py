"""All that is wrong with a document beyond its shape, at once (reference 1.9)."""

from __future__ import annotations

from wakeless.runbooks.check_flow import check_flow
from wakeless.runbooks.check_inputs import check_inputs
from wakeless.runbooks.check_references import check_references
from wakeless.runbooks.document import Document
from wakeless.runbooks.places import Notes


def validate(document: Document, notes: Notes) -> None:
    """Note every problem of a built document, and what is worth a warning."""
    check_flow(document, notes)
    check_references(document, notes)
    check_inputs(document, notes)
