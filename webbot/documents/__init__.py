"""The text of a file that somebody attaches. Its bytes say what it is, never its name.

Plain text is read here; a PDF is read in a process of its own with limits (`pdf`); of a picture nothing is read. It knows no
conversations.
"""

from webbot.documents.document import Document, read
from webbot.documents.limits import MOST_CHARACTERS

__all__ = ["MOST_CHARACTERS", "Document", "read"]
