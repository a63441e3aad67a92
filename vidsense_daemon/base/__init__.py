"""What every room stands on: clock, errors, backoff, logs, redaction, worker threads. Imports nothing of the rest."""
