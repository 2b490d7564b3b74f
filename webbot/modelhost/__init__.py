"""A model's own process: started, watched, restarted, and asked over a Unix socket. Knows neither Llama nor Whisper.

`host` is the asking side (the web process), `serving` and `waiting` the side with the model, `frames` what goes over the socket.
"""

from webbot.modelhost.host import HostState, ModelHost
from webbot.modelhost.serving import Worker, serve
from webbot.modelhost.waiting import LEFT, awaited

__all__ = ["LEFT", "HostState", "ModelHost", "Worker", "awaited", "serve"]
