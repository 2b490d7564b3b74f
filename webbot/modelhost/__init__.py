"""A model's own process: started, watched, restarted, and asked over a Unix socket. Knows neither Llama nor Whisper.

`host` is the asking side (the web process), `serving` and `waiting` the side with the model, `frames` what goes over the socket.
`step` tells a long computation from a stuck one, `threads` computes without leaving any behind, `network` takes the network away.
"""

from webbot.modelhost.host import HostState, ModelHost, answered, socket_path
from webbot.modelhost.serving import Worker, begin_anew, serve
from webbot.modelhost.step import Step
from webbot.modelhost.threads import apart
from webbot.modelhost.waiting import LEFT, awaited

__all__ = [
    "LEFT", "HostState", "ModelHost", "Step", "Worker", "answered", "apart", "awaited", "begin_anew", "serve", "socket_path",
]
