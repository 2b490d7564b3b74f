"""Signing in at an OpenID provider: `door` has the routes, `provider` what is asked and believed, `wire` for how long."""

from webbot.web.oidc.door import Oidc

__all__ = ["Oidc"]
