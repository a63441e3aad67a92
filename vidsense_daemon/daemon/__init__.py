"""The only place where the stages meet: settings become stages, and stages are started and stopped in order."""
