"""An OpenID provider: what is asked of it, and what it says of somebody.

Covered: the code flow with PKCE (S256), nonce and issuer; tokens with a signature by the provider's own keys, for this server,
of now; an e-mail address only where the provider has verified it. Not covered: whose browser it is (door), who may come in
(people).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import quote_plus

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client import BaseApp, OAuth2Mixin, OAuthError, OpenIDMixin
from joserfc.errors import JoseError

from webbot.errors import BadInput, Problem, Unavailable
from webbot.issuer import is_safe_address
from webbot.settings import Settings
from webbot.web.oidc.wire import Wire
from webbot.web.unwelcome import Unwelcome

WELL_KNOWN = "/.well-known/openid-configuration"
KNOWN_SECONDS = 900.0  # what the provider says of itself is asked again after
LEEWAY = 60  # seconds by which its clock may differ
SCOPES = ("openid", "profile", "email")
# Signatures by a key pair. The others would be made with this server's secret, or with none.
SIGNATURES = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
BY_HEADER = "client_secret_basic"
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
FURTHER = ("userinfo_endpoint", "end_session_endpoint")
LONGEST_SUBJECT = 255
AWAY = "The service where people sign in cannot be reached just now. Whoever is signed in stays so. Please try again in a minute."
ODD = "The service where people sign in gave an answer that cannot be used here. The log of this server says why."
UNPROVED = "What the service where people sign in said of you could not be verified. Please sign in again."
ENDED = "This sign-in has ended, or was begun in another browser. Please sign in again."
T = TypeVar("T")

log = logging.getLogger(__name__)


class Odd(Unavailable):
    """A provider whose answers cannot be used."""

    status = 502


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that was begun: the provider's address for it, and what its end must fit."""

    address: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is for the provider. `subject` is ISSUER and subject; `email` is "" unless verified; `token` is the proof."""

    subject: str
    name: str
    email: str
    token: str


class Client(OAuth2Mixin, OpenIDMixin, BaseApp):
    """Authlib's client for one reading of what the provider says of itself."""

    client_cls = Wire


class Provider:
    """The provider of the settings. Nothing is asked before somebody signs in."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.issuer = settings.oidc_url.removesuffix(WELL_KNOWN).rstrip("/")
        self._client: Client | None = None
        self._read_at = 0.0

    def begin(self, back: str) -> Begun:
        """`back` is where the provider sends the browser afterwards. Raises Unavailable and Odd."""
        made = self._asked(lambda: self._known().create_authorization_url(redirect_uri=back))
        return Begun(made["url"], made["state"], made["nonce"], made["code_verifier"])

    def finish(self, code: str, issuer: str, begun: Mapping[str, str], back: str) -> Identity:
        """Who comes with that code. `issuer` is who says to have sent the browser, "" where that was not said. Raises
        Unavailable, Odd, BadInput for a code that is not the provider's or was used, Unwelcome for what cannot be believed."""
        client = self._asked(self._known)
        said = client.server_metadata
        if issuer != said["issuer"] and (issuer or said.get("authorization_response_iss_parameter_supported") is True):
            raise _refused(f"the browser came from {issuer[:200]!r}")
        token = self._asked(lambda: self._token(client, code, begun["verifier"], back))
        claims = self._claims(client, token, begun["nonce"])
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
            raise _refused("no subject that can be read")
        if not (claims.get("email") and claims.get("preferred_username")) and "userinfo_endpoint" in said:
            claims = {**claims, **self._further(client, token, subject)}
        return Identity(f"{said['issuer']} {subject}", _shown(claims) or subject, _verified(claims), token["id_token"])

    def farewell(self, token: str, back: str) -> str:
        """The address where the browser ends its session at the provider; "" where there is none, or none can be found now."""
        try:
            client = self._asked(self._known)
            if "end_session_endpoint" not in client.server_metadata:
                return ""
            hint = {"id_token_hint": token} if token else {}
            made = client.create_logout_url(back, **hint, client_id=self.settings.oidc_client)
        except Problem:
            return ""
        return str(made["url"])

    def forget(self) -> None:
        """What the provider said of itself is asked again at the next sign-in."""
        self._client = None

    # inside

    def _known(self) -> Client:
        if self._client is None or monotonic() - self._read_at > KNOWN_SECONDS:
            said = self._said()
            options: dict[str, Any] = {
                "scope": " ".join(_scopes(said)), "code_challenge_method": "S256",
                "token_endpoint_auth_method": _way_of_proof(said, self.settings.oidc_secret),
            }
            self._client = Client(None, client_id=self.settings.oidc_client, client_secret=self.settings.oidc_secret or None,
                                  client_kwargs=options, **said)
            self._read_at = monotonic()
        return self._client

    def _said(self) -> dict[str, Any]:
        """What the provider says of itself, and no more of it than is used here: Authlib would take other names as options."""
        with Wire() as wire:
            answer = wire.request("GET", self.issuer + WELL_KNOWN, withhold_token=True, headers={"Accept": "application/json"})
        answer.raise_for_status()
        told = answer.json()
        issuer = told["issuer"]
        if not isinstance(issuer, str) or issuer.rstrip("/") != self.issuer:
            raise ValueError(f"the issuer there is {str(issuer)[:200]!r}")
        found: dict[str, Any] = {"issuer": issuer}
        for name in (*ENDPOINTS, *FURTHER):
            if name in ENDPOINTS or told.get(name):
                if not isinstance(told.get(name), str) or not is_safe_address(told[name]):
                    raise ValueError(f"{name} is {str(told.get(name))[:200]!r}: https:// is needed")
                found[name] = told[name]
        signatures = [name for name in _texts(told, "id_token_signing_alg_values_supported") or ["RS256"] if name in SIGNATURES]
        if not signatures:
            raise ValueError("it signs nothing with a key pair")
        found["id_token_signing_alg_values_supported"] = signatures
        for name in ("scopes_supported", "token_endpoint_auth_methods_supported"):
            found[name] = _texts(told, name)
        found["authorization_response_iss_parameter_supported"] = told.get("authorization_response_iss_parameter_supported")
        return found

    def _token(self, client: Client, code: str, verifier: str, back: str) -> dict[str, Any]:
        proof: dict[str, Any] = {}
        if client.client_kwargs["token_endpoint_auth_method"] == BY_HEADER:  # encoded as RFC 6749, 2.3.1, asks; Authlib does not
            proof["auth"] = (quote_plus(self.settings.oidc_client), quote_plus(self.settings.oidc_secret))
        try:
            token = client.fetch_access_token(back, code=code, code_verifier=verifier, grant_type="authorization_code", **proof)
        except OAuthError as error:
            if error.error != "invalid_grant":
                raise
            log.info("a sign-in ended: the provider says %s", error.error)
            raise BadInput(ENDED) from None
        if not isinstance(token.get("id_token"), str) or not isinstance(token.get("access_token"), str):
            raise ValueError("no token of who somebody is")
        return dict(token)

    def _claims(self, client: Client, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        wanted = {
            "iss": {"essential": True, "values": [client.server_metadata["issuer"]]},
            "aud": {"essential": True, "values": [self.settings.oidc_client]},
        }

        def read() -> dict[str, Any]:
            try:
                return dict(client.parse_id_token(token, nonce, claims_options=wanted, leeway=LEEWAY))
            except (JoseError, AuthlibBaseError) as error:
                raise _refused(f"{type(error).__name__}: {error}") from None

        return self._asked(read)

    def _further(self, client: Client, token: Mapping[str, Any], subject: str) -> dict[str, Any]:
        """What many providers say of somebody only when they are asked once more."""
        bearer = {"access_token": token["access_token"], "token_type": "Bearer"}  # of just now, however short it lives
        said = self._asked(lambda: dict(client.userinfo(token=bearer)))
        if said.get("sub") != subject:
            raise _refused("the further answer is of somebody else")
        return {name: said[name] for name in ("name", "preferred_username", "email", "email_verified") if name in said}

    def _asked(self, ask: Callable[[], T]) -> T:
        """What `ask` finds. Whatever a provider can do wrong becomes a Problem, and a line of the log."""
        try:
            return ask()
        except Problem:
            raise
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            log.warning("the provider %s answered with status %d", self.issuer, status)
            raise (Unavailable(AWAY, retry_after=60) if status >= 500 or status == 429 else Odd(ODD)) from None
        except (requests.ConnectionError, requests.Timeout) as error:
            log.warning("the provider %s cannot be reached: %s", self.issuer, type(error).__name__)
            raise Unavailable(AWAY, retry_after=60) from None
        except (requests.RequestException, AuthlibBaseError, JoseError, ValueError, TypeError, KeyError, AttributeError,
                RuntimeError) as error:
            log.warning("the answer of the provider %s cannot be used: %s: %s", self.issuer, type(error).__name__,
                        str(error)[:300])
            raise Odd(ODD) from None


def _refused(why: str) -> Unwelcome:
    log.warning("a sign-in was not believed: %s", why[:300])
    return Unwelcome(UNPROVED)


def _texts(told: Mapping[str, Any], name: str) -> list[str]:
    found = told.get(name)
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def _scopes(said: Mapping[str, Any]) -> list[str]:
    """Those that the provider knows: some refuse others."""
    known = said["scopes_supported"]
    return [scope for scope in SCOPES if scope == "openid" or not known or scope in known]


def _way_of_proof(said: Mapping[str, Any], secret: str) -> str:
    if not secret:
        return "none"
    ways = said["token_endpoint_auth_methods_supported"]
    return "client_secret_post" if ways and BY_HEADER not in ways else BY_HEADER


def _shown(claims: Mapping[str, Any]) -> str:
    found = (claims.get(name) for name in ("preferred_username", "name", "email"))
    return next((text for text in found if isinstance(text, str) and text.strip()), "")[:100]


def _verified(claims: Mapping[str, Any]) -> str:
    email = claims.get("email")
    return email if isinstance(email, str) and claims.get("email_verified") in (True, "true") and email.isprintable() else ""
