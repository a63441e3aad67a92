"""Real receivers, real programs, a real broker; `fakes` holds the clock and the outbox."""
