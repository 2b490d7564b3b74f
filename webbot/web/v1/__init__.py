"""OpenAI's API under /v1: the doors, each a file, over one OpenAPI document that is served and browsable.

The wire forms are those of OpenAI's public API reference. A parameter that cannot be honoured is an error that names it.
"""

from webbot.web.v1.door import V1, V1_DOOR

__all__ = ["V1", "V1_DOOR"]
