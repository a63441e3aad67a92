"""One file a part of the report: what was computed becomes figures and tables."""
