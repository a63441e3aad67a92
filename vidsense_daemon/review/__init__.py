"""What people look at: the HTTP API, the pages, the metrics and the health of the daemon."""
