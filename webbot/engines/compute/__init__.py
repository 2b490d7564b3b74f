"""How answers are computed together: continuous batching over transformers' own models.

`answer` is what is computed, `pages` says who holds which page of the cache, `scheduler` decides what a
step computes, `drafts` guesses what comes next (none of these knows torch). `batch` lays a step out for the model, `cache` holds
keys and values, `attention` looks at them, `network` computes the layers (`linear` holds their weights, `kernels` are Triton's,
`captured` replays a step from CUDA graphs), `sampling` and `shaping` choose, `embedding` reads for the meaning, `runner` is the
thread that does it all.
"""
