"""A stream becomes few, well-chosen frames."""
