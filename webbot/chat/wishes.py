"""What a model is asked for by us and not by a person. Only models read this, and it is stored nowhere."""

from __future__ import annotations

# Of a conversation, which stands below.
TITLE = (
    "Write a title of two to six words for the conversation below, in the language of its question. Answer with the title "
    "alone: without quotation marks, without a full stop, without explanation."
)
# Of a model that cannot be given the beginning of its answer to go on with.
GO_ON = (
    "Your last answer was cut off. Go on with it exactly where it stopped, if need be in the middle of a word. Do not repeat "
    "what you have written, and write nothing before it."
)
