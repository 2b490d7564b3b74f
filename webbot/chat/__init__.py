"""The turn: store the question, choose what the model sees, stream the answer, store it. No Flask, no torch, no SQL.

`turns` is the way of one turn, `sight` what the model sees of it, `growing` how its answer is stored, `news` what else happens.
`completing` and `responding` answer programs, `line` and `waiting` keep who waits.
"""

from webbot.chat.news import Changed, Gone
from webbot.chat.turns import INTERRUPTED, Chat, Limits, title_of

__all__ = ["INTERRUPTED", "Changed", "Chat", "Gone", "Limits", "title_of"]
