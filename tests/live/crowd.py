"""Many clients at once, in a process of their own: `python crowd.py JSON` with port, ca, key, cookie, clients, pages and words.

Each client streams one answer of /v1/chat/completions that the echo fills with the times at which it said the words. Prints
"open" when all pages listen, then one JSON object: for each word its way from the engine to here and the gap before it, both in
seconds, and how many answers came to their end.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time

from webbot.engines.echo import CLOCK


class Crowd:
    def __init__(self, port: int, ca: str, words: int) -> None:
        self.port, self.words = port, words
        self.trust = ssl.create_default_context(cafile=ca)
        self.ways: list[float] = []
        self.gaps: list[float] = []
        self.firsts: list[float] = []
        self.ended = 0

    async def page(self, key: str, cookie: str):
        """An open page: its event stream, read so that nothing piles up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trust, server_hostname="localhost")
        lines = [f"GET /c/{key}/events HTTP/1.1", f"Host: localhost:{self.port}", f"Cookie: {cookie}", "", ""]
        writer.write("\r\n".join(lines).encode())
        assert b"200" in await reader.readline()
        return asyncio.create_task(self._read(reader)), writer

    @staticmethod
    async def _read(reader) -> None:
        while await reader.read(65536):
            pass

    async def client(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trust, server_hostname="localhost")
        question = " ".join([CLOCK] * self.words)
        body = json.dumps({"model": "llama", "stream": True, "messages": [{"role": "user", "content": question}]}).encode()
        head = ["POST /v1/chat/completions HTTP/1.1", f"Host: localhost:{self.port}", "Authorization: Bearer crowd",
                "Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close", "", ""]
        asked = time.monotonic()
        writer.write("\r\n".join(head).encode() + body)
        before = 0.0
        while line := await reader.readline():
            if line == b"data: [DONE]\n":
                self.ended += 1
            elif line.startswith(b"data: "):
                choices = json.loads(line[6:])["choices"]
                said = choices[0]["delta"].get("content") if choices else None
                if said and said.strip():
                    now = time.monotonic()
                    self.ways += [now - float(word) for word in said.split()]
                    (self.gaps if before else self.firsts).append(now - (before or asked))
                    before = now
        writer.close()


async def main(told: dict) -> None:
    crowd = Crowd(told["port"], told["ca"], told["words"])
    pages = [await crowd.page(told["page"], told["cookie"]) for _ in range(told["pages"])]
    print("open", flush=True)
    await asyncio.gather(*(crowd.client() for _ in range(told["clients"])))
    listening = sum(not task.done() for task, _ in pages)
    print(json.dumps({"ways": crowd.ways, "gaps": crowd.gaps, "firsts": crowd.firsts, "ended": crowd.ended,
                      "listening": listening}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
