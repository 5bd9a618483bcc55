"""A reference at an instant: who holds it, and its breaks (contract section 10)."""

from domain.references.state import ReferenceState, apply, new_reference

__all__ = ["ReferenceState", "apply", "new_reference"]
