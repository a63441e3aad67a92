"""Frames become meaning."""
