"""Train and evaluate what perception runs."""
