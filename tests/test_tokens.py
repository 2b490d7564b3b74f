"""Signed tokens: who is believed, and every way to lie with one. The attacks are made by hand, byte by byte."""

import base64
import hashlib
import hmac
import json
import time

import pytest

from webbot.errors import BadInput
from webbot.tokens import BadToken, Tokens

SECRET = "0123456789abcdef0123456789abcdef"
FOREIGN = "another secret of thirty-two bytes, or more"
HS256 = {"alg": "HS256", "typ": "JWT"}


def part(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(claims, secret=SECRET, header=HS256, digest=hashlib.sha256):
    """A token made by hand; `claims` and `header` may be bytes."""
    signed = part(header) + b"." + part(claims)
    return (signed + b"." + part(hmac.digest(secret.encode(), signed, digest))).decode()


def ann(**claims):
    return {"user_name": "ann", "user_token": "t", **claims}


STRICT, OPEN = Tokens(SECRET.encode()), Tokens(b"")


@pytest.mark.parametrize(
    "claims",
    [
        ann(), {"user_name": "ann"}, ann(exp=time.time() + 36_000), ann(nbf=time.time() - 60), ann(exp=9e15),
        # What other programs put there says nothing of who it is.
        ann(aud="elsewhere", iss="me", sub=7, jti=8, iat=time.time() + 1000, more={"a": [1]}),
    ],
)
def test_a_signed_token_names_its_user(claims):
    assert STRICT.user_name(token(claims)) == "ann"
    assert OPEN.user_name(token(claims)) == "ann"
    assert OPEN.user_name(token(claims, FOREIGN)) == "ann"


@pytest.mark.parametrize("name", ["a", "n" * 200, "Łukasz Ω 名字", "o'hara; drop table", "a b", "👩\u200d💻"])
def test_names_are_kept_as_they_are(name):
    assert STRICT.user_name(token({"user_name": name})) == name


PLAIN = part(HS256).decode() + "." + part(ann()).decode()
NONE = part({"alg": "none"}).decode() + "." + part(ann()).decode()

# What proves nobody, whether there is a secret or not.
NEVER = {
    "alg none without a signature": NONE + ".",
    "alg none with one": NONE + "." + part(b"x" * 32).decode(),
    "alg None": token(ann(), header={"alg": "None"}),
    "alg nOnE": token(ann(), header={"alg": "nOnE"}),
    "alg empty": token(ann(), header={"alg": ""}),
    "no alg": token(ann(), header={"typ": "JWT"}),
    "alg a number": token(ann(), header={"alg": 256}),
    "alg a list": token(ann(), header={"alg": ["HS256"]}),
    "alg null": token(ann(), header={"alg": None}),
    "HS512": token(ann(), header={"alg": "HS512"}, digest=hashlib.sha512),
    "HS384": token(ann(), header={"alg": "HS384"}, digest=hashlib.sha384),
    "RS256": token(ann(), header={"alg": "RS256"}),
    "a critical extension": token(ann(), header={**HS256, "crit": ["exp"]}),
    "b64 false": token(ann(), header={**HS256, "b64": False, "crit": ["b64"]}),
    "kid a number": token(ann(), header={**HS256, "kid": 7}),
    "expired": token(ann(exp=time.time() - 1)),
    "expired long ago": token(ann(exp=0)),
    "exp minus infinity": token(b'{"user_name": "ann", "exp": -Infinity}'),
    "exp infinity": token(b'{"user_name": "ann", "exp": Infinity}'),
    "exp not a number": token(b'{"user_name": "ann", "exp": NaN}'),
    "exp a text": token(ann(exp="tomorrow")),
    "exp a list": token(ann(exp=[1])),
    "exp null": token(ann(exp=None)),
    "exp 5000 digits": token(b'{"user_name": "ann", "exp": 1' + b"0" * 5000 + b"}"),
    "not valid yet": token(ann(nbf=time.time() + 36_000)),
    "nbf infinity": token(b'{"user_name": "ann", "nbf": Infinity}'),
    "nbf an object": token(ann(nbf={})),
    "one part": "abc", "two parts": PLAIN, "four parts": token(ann()) + ".eA", "five parts (JWE)": "a.b.c.d.e",
    "only dots": "..", "a lone dot": ".", "blanks": "   ",
    "a standard base64 signature": PLAIN + ".+/+/" * 8,
    "junk in the header": "!!!." + part(ann()).decode() + ".eA",
    "junk in the claims": part(HS256).decode() + ".%%%.eA",
    "letters of elsewhere": "ä.ö.ü",
    "half a surrogate pair": "\ud800.a.b",
    "NUL": token(ann()) + "\x00",
    "a header that is no object": token(ann(), header=["HS256"]),
    "a header that is no JSON": token(ann(), header=b"{alg: HS256}"),
    "a header that is no UTF-8": token(ann(), header=b'{"alg": "HS256", "x": "\xff"}'),
    "claims that are a list": token([ann()]),
    "claims that are a text": token("ann"),
    "claims that are no JSON": token(b"user_name=ann"),
    "claims that are no UTF-8": token(b'{"user_name": "\xff"}'),
    "claims that are empty": token(b""),
    "deep claims": token(b'{"a":' * 900 + b"1" + b"}" * 900),
    "deeper claims": token(b"[" * 5000),
    "a deep header": token(ann(), header=b"[" * 5000),
}


@pytest.mark.parametrize("attack", NEVER)
@pytest.mark.parametrize("reader", [STRICT, OPEN], ids=["secret", "no secret"])
def test_what_is_no_proof(attack, reader):
    with pytest.raises((BadToken, BadInput)) as refused:
        reader.user_name(NEVER[attack])
    # Deep claims may be readable, but name nobody.
    assert refused.value.status == (400 if attack == "deep claims" and isinstance(refused.value, BadInput) else 401)


FORGED = {
    "by another": token(ann(), FOREIGN),
    "with an empty key": token(ann(), ""),
    "no signature": PLAIN + ".",
    "a short signature": token(ann())[:-2],
    "other claims under a good signature": ".".join([
        part(HS256).decode(), part({"user_name": "bob"}).decode(), token(ann()).split(".")[2]]),
    "a key of its own": token(ann(), FOREIGN, {**HS256, "jwk": {"kty": "oct", "k": part(FOREIGN.encode()).decode()}}),
    "a key's address": token(ann(), FOREIGN, {**HS256, "jku": "https://evil.example/keys"}),
    "a key's path": token(ann(), FOREIGN, {**HS256, "kid": "../../../dev/null"}),
}


@pytest.mark.parametrize("attack", FORGED)
def test_a_forged_token_is_refused_where_there_is_a_secret(attack):
    with pytest.raises(BadToken):
        STRICT.user_name(FORGED[attack])


@pytest.mark.parametrize(
    "claims",
    [
        {}, {"user_token": "t"}, {"user_name": ""}, {"user_name": " "}, {"user_name": None}, {"user_name": 7},
        {"user_name": ["ann"]}, {"user_name": {"a": 1}}, {"user_name": True}, {"user_name": "n" * 201},
        {"user_name": "a\nb"}, {"user_name": "a\x00"}, {"user_name": "\x1b[31m"}, {"user_name": "\x7f"},
        {"user_name": "a\u2028b"}, {"user_name": "\x85"}, b'{"user_name": "\\ud800"}', {"User_Name": "ann"},
    ],
)
@pytest.mark.parametrize("reader", [STRICT, OPEN], ids=["secret", "no secret"])
def test_a_token_has_to_name_somebody(claims, reader):
    with pytest.raises(BadInput, match="user_name"):
        reader.user_name(token(claims))


@pytest.mark.parametrize("long", ["", "a" * 8193, "a" * 1_000_000, "." * 1_000_000, token(ann(more="x" * 1_000_000))])
def test_a_token_has_a_length(long):
    with pytest.raises(BadInput, match="8192"):
        STRICT.user_name(long)


def test_a_secret_may_hold_any_bytes():
    secret = "é" * 16
    assert Tokens(secret.encode()).user_name(token(ann(), secret)) == "ann"
    assert STRICT.checked and not OPEN.checked
