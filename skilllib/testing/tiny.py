"""A base model small enough for a test: random weights, a vocabulary of the words it is given. Needs the extra `weights`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

TEMPLATE = (
    "{% for message in messages %}<{{ message.role }}>{{ message.content }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
SPECIAL = ("<end>", "<unknown>", "<system>", "<user>", "<assistant>")
LOUDER = 12.0
"""By how much the embeddings are larger than usual: the head shares them, and small ones could never be sure of a word."""
_WORDS = r" ?\w+|[^\w\s]|\s"


def tiny_base(folder: Path, texts: Iterable[str], *, seed: int = 0, width: int = 48, layers: int = 2) -> Path:
    """Write a random Llama with a tokenizer of whole words into a folder, and return the folder.

    Args:
        folder: Is made.
        texts: Their words are the vocabulary; others become one unknown word.
        seed: Of the weights.
        width: Of the hidden states, a multiple of 8.
        layers: How many.
    """
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from transformers.utils import logging

    silence: Any = logging.disable_progress_bar  # transformers has no types for it
    silence()

    words = sorted({word for text in texts for word in re.findall(_WORDS, text)} | {" ", "\n"})
    vocabulary = {word: i for i, word in enumerate([*SPECIAL, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unknown>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_WORDS), "isolated")
    tokenizer.decoder = decoders.Fuse()
    kind: Any = PreTrainedTokenizerFast
    fast = kind(tokenizer_object=tokenizer, eos_token="<end>", unk_token="<unknown>", additional_special_tokens=list(SPECIAL[2:]))
    fast.chat_template = TEMPLATE
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        eos_token_id=vocabulary["<end>"],
        bos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Any = LlamaForCausalLM(config)
    model.get_input_embeddings().weight.data *= LOUDER
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder
