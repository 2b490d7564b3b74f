"""The sentences that the speech starter was trained on: the same for the same seed, with a part that is kept for evaluation."""

import hashlib
import subprocess
import sys
from pathlib import Path

SPEECH = Path(__file__).resolve().parents[2] / "starter" / "speech"


def run(program: str) -> str:
    command = [sys.executable, "-B", "-c", f"import sys; sys.path.insert(0, '.')\n{program}"]
    return subprocess.run(command, cwd=SPEECH, capture_output=True, text=True, check=True).stdout


def test_the_sentences_are_those_of_the_training():
    program = "from sentences import Sentences; source = Sentences(1); print(*(next(source) for _ in range(2000)), sep='\\n')"
    digest = hashlib.sha256(run(program).encode()).hexdigest()
    assert digest == "f846ed5d897e00c77535d954ce02ccdeef93ebcec412818e153a960230ea5941"


def test_one_in_forty_is_kept_for_evaluation():
    program = """
from sentences import Sentences, held_out
source = Sentences(2)
texts = {next(source) for _ in range(8000)}
print(sum(map(held_out, texts)) / len(texts), held_out("What is the capital of France?"))
"""
    share, _ = run(program).split()
    assert 0.015 < float(share) < 0.03


def test_what_a_synthesiser_reads():
    program = """
from spoken_forms import spoken
for text in ("It was 1969.", "I have 1,500 books.", "Meet me at 7.30.", "O-L-I-V-E-R", "The 21st of May", "50% of it"):
    print(spoken(text))
"""
    assert run(program).splitlines() == [
        "It was nineteen sixty nine.", "I have one thousand five hundred books.", "Meet me at seven thirty.",
        "oh, ell, eye, vee, ee, are", "The twenty first of May", "fifty percent of it",
    ]
