"""The turn: store the question, choose what the model sees, stream the answer, store it. No Flask, no torch, no SQL.

`turns` is how a turn is asked for, `turn` its way, `sight` what the model sees of it, `growing` how its answer is stored, `seam`
how one is gone on with; `conversations` is what else is done with them, `titling` how the model names them. `completing` and
`responding` answer programs, `line` and `waiting` keep who waits, `wishes` is what models are asked for by us.
"""

from webbot.chat.conversations import Limits
from webbot.chat.titles import title_of
from webbot.chat.turns import Chat

__all__ = ["Chat", "Limits", "title_of"]
