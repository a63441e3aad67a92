"""Vidsense: a home-surveillance daemon that understands what it sees and never sends a frame off the machine."""

__version__ = "0.1.0"
