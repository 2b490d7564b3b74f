"""What the process with a Llama-shaped model is made of.

`folder` looks at a model folder before anything reads it, `loading` brings it into memory, `prompt` makes token ids, `scheduler`
decides who computes next (no torch), `slots` holds keys and values, `runner` computes, `sampling` chooses, `text` makes words.
"""
