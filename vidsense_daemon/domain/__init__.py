"""The nouns that the rooms hand to each other, and the ports they meet at. No I/O, no third-party library but numpy."""
