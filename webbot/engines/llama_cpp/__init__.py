"""What the process with a GGUF model is made of, apart from what it shares with that of transformers.

`header` reads what a file says of itself, `check` holds it against the file and this machine before llama.cpp reads it, `server`
is llama.cpp itself (no other module knows it), `tokens` and `prompt` make token ids, `asked` reads what a request asks,
`line` decides who computes next and where (no llama.cpp), `runner` has answers computed.
"""
