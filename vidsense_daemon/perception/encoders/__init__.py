"""Pictures and sentences into one space: one file a backend."""
