"""Measures the engine against the memory of this machine and against transformers: `python -m webbot bench` starts it.

`wanted` is what is asked, `subject` the model on both sides, `bandwidth` what the memory can do, `ours` and `theirs` the sides,
`rates` and `waits` what is measured of them, `check` whether what is fast is also right. `tables` and `picture` show the result;
these and `wanted` need no torch.

The result is JSON: {"subject", "machine", "device", "precision", "weights", "versions", "threads": {SIDE: how many}, "bandwidth":
{"copy", "read"} in bytes a second, "weight_bytes", "token_bytes", "rates": [{"streams", "context", "tokens", "limit", SIDE}] in
tokens a second, "waits": [{"what", SIDE}] in seconds, "left_out": [{"what", "why"}], "checks": [{"what", "well", "found"}]}.
What was not measured is missing.
"""
