"""Signed tokens of programs: JWT as RFC 7519 has them, signed with HS256, and the user that one names.

Covered: the signature, an algorithm that is fixed here and not chosen by the token, `exp` and `nbf` by this machine's clock,
tokens that are none. Not covered: taking back a token before its end; a token without `exp` has none.
"""

from __future__ import annotations

import unicodedata
from typing import Any

import jwt

from webbot.errors import BadInput, Problem

ALGORITHM = "HS256"
LONGEST_TOKEN = 8192  # characters
LONGEST_NAME = 200  # characters
NO_LETTERS = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of surrogate pairs, ends of lines and paragraphs


class BadToken(Problem):
    """The token does not prove who it is: 401."""

    status = 401


class Tokens:
    """Reads tokens signed with `secret`. With b"" the signature is not looked at, everything else is."""

    def __init__(self, secret: bytes) -> None:
        self._key = secret

    @property
    def checked(self) -> bool:
        """Whether signatures are verified."""
        return bool(self._key)

    def user_name(self, token: str) -> str:
        """The user that `token` names. Raises BadToken when it proves nobody, BadInput when it is no token or names no user."""
        if not token or len(token) > LONGEST_TOKEN:
            raise BadInput("The token must have 1 to {limit} characters.", limit=LONGEST_TOKEN, parameter="user_data")
        claims = self._claims(token)
        name = claims.get("user_name")
        if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME or not name.strip():
            raise BadInput("The token's user_name must be a text of 1 to {limit} characters.", limit=LONGEST_NAME,
                           parameter="user_data")
        if any(unicodedata.category(letter) in NO_LETTERS for letter in name):
            raise BadInput("The token's user_name holds a character that is no text.", parameter="user_data")
        return name

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            if not self._key and jwt.get_unverified_header(token).get("alg") != ALGORITHM:
                raise jwt.InvalidAlgorithmError
            return jwt.decode(token, self._key, algorithms=[ALGORITHM], options={
                "verify_signature": self.checked, "verify_exp": True, "verify_nbf": True,
                # These say nothing of who it is; programs of old filled them as they liked.
                "verify_iat": False, "verify_aud": False, "verify_iss": False, "verify_sub": False, "verify_jti": False,
            })
        except jwt.ExpiredSignatureError:
            raise BadToken("The token has expired.", parameter="user_data", code="expired") from None
        except jwt.ImmatureSignatureError:
            raise BadToken("The token is not valid yet.", parameter="user_data", code="not_yet_valid") from None
        except jwt.InvalidAlgorithmError:
            raise BadToken("The token must be signed with {algorithm}.", algorithm=ALGORITHM, parameter="user_data",
                           code="algorithm") from None
        except jwt.InvalidSignatureError:
            raise BadToken("The token's signature is not of this server's secret.", parameter="user_data",
                           code="signature") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise BadToken("The token cannot be read.", parameter="user_data", code="unreadable") from None
