"""Conversations, and roles beside them, as files, out and in: the formats and nothing else. Knows no store, no request, no disk.

Written are our JSON, which loses nothing, and our Markdown, the shown branch to be read. Read are these two and the exports of
ChatGPT (also the archive), Open WebUI and LibreChat. What is read is hostile until it was checked: every value, every limit.
"""

from webbot.transfer.names import file_name
from webbot.transfer.reading import read
from webbot.transfer.talk import Broken, Talk, WrittenRole

__all__ = ["Broken", "Talk", "WrittenRole", "file_name", "read"]
