"""llama.cpp's own HTTP server in this process: `python llama_server.py FILE.gguf`. Prints its address; ends with its stdin."""

import sys

import xllamacpp


def main():
    chosen = xllamacpp.CommonParams()
    chosen.model.path = sys.argv[1]
    chosen.n_ctx, chosen.n_parallel, chosen.port, chosen.warmup = 2048, 2, 0, False
    chosen.hostnames = ["127.0.0.1"]
    chosen.kv_unified = True  # each slot has the whole window
    chosen.endpoint_slots = True
    chosen.cpuparams.n_threads = chosen.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(chosen)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
