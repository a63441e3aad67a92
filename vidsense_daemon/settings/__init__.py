"""The operator's YAML, validated: read once, frozen, handed on as plain keyword arguments."""
