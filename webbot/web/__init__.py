"""The doors over HTTP. Flask is imported only here and in factory."""
