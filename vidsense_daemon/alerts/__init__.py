"""An event reaches people."""
