"""What the process with a Llama-shaped model is made of.

`folder` looks at a model folder before anything reads it (`tensors` at its weights, `figures` at its numbers), `loading` brings
it into memory, `machine` knows how much is free, `prompt` makes token ids, `template` renders chat templates in a process of
its own, `vocabulary` knows the tokens themselves, `wishes` reads what a request asks, `scheduler` decides who computes next (no
torch), `slots` holds keys and values, `runner` computes, `sampling` chooses, `shaping` and `grammar` say what may be chosen,
`fence` tries grammars, `embedding` reads for the meaning, `tools` knows calls of functions, `text` makes words and `outgoing`
what is sent of them.
"""
