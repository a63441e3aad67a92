"""Who writes the words: one file a backend."""
