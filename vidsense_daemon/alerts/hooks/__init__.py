"""Who is told, and how: one file a kind."""
