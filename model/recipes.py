"""Named recipes: complete runs to start from, each field of which can be overridden on the command line."""

from __future__ import annotations

from model.config import EncoderConfig, MethodConfig, OptimConfig, PretrainConfig
from model.data.stream_config import StreamConfig

TINY = PretrainConfig(
    steps=450,
    log_every=50,
    threads=1,
    validate_every=225,
    validation_batches=8,
    save_every=225,
    encoder=EncoderConfig(layers=1, width=128, attention_heads=4, intermediate_width=512, max_length=256, dropout=0.0),
    method=MethodConfig(temperature=0.1, mlm_scale=0.3, head_norm="layer"),
    stream=StreamConfig(
        tokens_per_step=9_216,
        max_text_length=64,
        max_length=24,
        max_description_length=24,
        max_relation_length=8,
        expected_length=18,
        mlm_share=0.05,
        mep_share=0.6,
        oe_share=0.35,
        mlm_on_contexts=False,
        num_lanes=4,
    ),
    optim=OptimConfig(peak_rate=1.5e-3, warmup_steps=30, schedule="wsd", decay_share=0.3),
)
"""A small encoder from random weights, for a CPU in minutes: shows the method at work on the sample world.

What such an encoder lacks is pairs to learn from. So texts are cut short, most tokens go to mentions and triples, words of
their contexts are not masked besides, there is one layer, and slots are for texts as short as they are: some 150 pairs of
each objective a step. LayerNorm in the heads, because BatchNorm makes rounding large; one thread, so that a run does not
depend on how many cores are free. docs/log.md has what each of these was worth."""

BASE = PretrainConfig(
    steps=100_000,
    encoder=EncoderConfig(source="xlm-roberta-base", compile=True),
    method=MethodConfig(bank_size=16_384),
    stream=StreamConfig(tokens_per_step=65_536),
    optim=OptimConfig(peak_rate=3e-5, warmup_steps=10_000),
    workers=4,
    accumulation=1,
)
"""XLM-R base on GPUs, by this project's method."""

LARGE = PretrainConfig(
    steps=100_000,
    encoder=EncoderConfig(source="xlm-roberta-large", compile=True),
    method=MethodConfig(bank_size=16_384),
    stream=StreamConfig(tokens_per_step=32_768),
    optim=OptimConfig(peak_rate=2e-5, warmup_steps=10_000),
    workers=4,
    accumulation=2,
)
"""XLM-R large on GPUs, by this project's method."""

PAPER = PretrainConfig(
    steps=100_000,
    encoder=EncoderConfig(source="xlm-roberta-base"),
    method=MethodConfig(mode="paper", bank_size=32_768),
    stream=StreamConfig(tokens_per_step=65_536, one_objective_per_batch=True, mlm_from_contexts=False),
    optim=OptimConfig(peak_rate=3e-5, warmup_steps=10_000),
    workers=4,
    accumulation=1,
)
"""The authors' release as far as it is known: noise in the banks, no false-negative mask, one objective per batch."""

RECIPES = {"tiny": TINY, "base": BASE, "large": LARGE, "paper": PAPER}
"""Recipes by their name on the command line."""
HELP = {
    "tiny": "random weights, 2 layers of 128: a CPU in minutes",
    "base": "XLM-R base on GPUs, this project's method",
    "large": "XLM-R large on GPUs, this project's method",
    "paper": "XLM-R base by the authors' released loss",
}
"""One line for each recipe."""
