"""Whisper in few, large steps: several clips at once, and on a GPU replayed from CUDA graphs.

`network` is the arithmetic, with openai-whisper's weights; `rules` what may be written next; `rows` one decoder step for all
clips in work; `encoder` windows of sound, those of one length together; `graphs` records and replays; `guessing` one guess in
work, and `runner` the thread that computes for all who ask. `model` keeps the contract of `speech.base`, and `opening` chooses
this way where there is a GPU. Without one everything here computes the same, without graphs.
"""
