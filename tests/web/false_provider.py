"""A provider of the tests that can be told to answer anything: garbage, nothing, or tokens that are wrong in one way."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

KEY, OTHER_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
CLIENT = "webbot"


class FalseProvider(ThreadingHTTPServer):
    """`answers` maps a path to what is sent in place of the right answer: a function of the handler, or (status, type, body)."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.issuer = f"http://localhost:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.reset()

    def reset(self):
        self.answers, self.claims, self.said, self.info, self.header = {}, {}, {}, None, {}
        self.key, self.algorithm, self.nonce, self.asked, self.extra = KEY, "RS256", "", [], {}
        self.keys = {"keys": [json.loads(RSAAlgorithm.to_jwk(KEY.public_key())) | {"kid": "1", "use": "sig", "alg": "RS256"}]}

    def metadata(self):
        made = {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/auth", "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys", "userinfo_endpoint": f"{self.issuer}/me",
            "id_token_signing_alg_values_supported": ["RS256"], **self.said,
        }
        return {name: value for name, value in made.items() if value is not None}

    def token(self):
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": "ann", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": self.nonce,
                  "preferred_username": "ann", "email": "ann@example.org", "email_verified": True, **self.claims}
        claims = {name: value for name, value in claims.items() if value is not None}
        made = jwt.encode(claims, self.key, self.algorithm, headers={"kid": "1", **self.header})
        answer = {"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": made, **self.extra}
        return {name: value for name, value in answer.items() if value is not None}


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.server.asked.append((self.path, form, self.headers.get("Authorization")))
        self.answer()

    def do_GET(self):
        self.server.asked.append((self.path, {}, self.headers.get("Authorization")))
        self.answer()

    def answer(self):
        path, server = urlsplit(self.path).path, self.server
        told = server.answers.get(path)
        if callable(told):
            told(self)
            return
        right = {"/.well-known/openid-configuration": server.metadata, "/token": server.token, "/keys": lambda: server.keys,
                 "/me": lambda: server.info}
        status, kind, body = told or (200, "application/json", json.dumps(right[path]()).encode())
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status in (301, 302, 307):
            self.send_header("Location", f"{server.issuer}/elsewhere")
        self.end_headers()
        self.wfile.write(body)
