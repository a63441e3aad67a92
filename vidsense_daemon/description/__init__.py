"""An event becomes words."""
