"""Models as things one handles: found by name, brought here, used, removed. Knows no conversation and loads no model itself."""
