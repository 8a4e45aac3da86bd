"""The double of an embedder: deterministic, unit vectors, near for shared words."""

import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from skilllib.embedders import HashingEmbedder


@given(st.lists(st.text(max_size=40), max_size=5))
def test_vectors_are_unit_float32_and_depend_on_nothing_but_the_text(texts):
    vectors = HashingEmbedder(32).embed(texts)
    assert vectors.shape == (len(texts), 32) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(texts, vectors, strict=True):
        assert np.array_equal(HashingEmbedder(32).embed([text])[0], vector)


def test_texts_that_share_words_are_nearer():
    rope, ropes, tree = HashingEmbedder().embed(["make a long rope", "how to make ropes", "climb the tree"])
    assert rope @ ropes > rope @ tree


def test_fingerprints_tell_sizes_apart():
    assert HashingEmbedder(64).fingerprint != HashingEmbedder(128).fingerprint


def test_another_process_computes_the_same_vectors():
    code = "from skilllib.embedders import HashingEmbedder; print(HashingEmbedder(8).embed(['make a rope']).tobytes().hex())"
    found = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in range(2)}
    assert found == {HashingEmbedder(8).embed(["make a rope"]).tobytes().hex() + "\n"}
