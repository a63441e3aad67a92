"""What is kept: SQLite and the media folder."""
