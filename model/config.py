"""What a pre-training run is told; every field documents itself, and the command line is made from it.

Marks on method values: code = read in the authors' release; text = read in the paper; recalled = from memory of the
paper, not checked; open = nobody here knows; ours = no counterpart in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import tyro

from model.data.stream_config import OBJECTIVES, StreamConfig
from schemas.errors import UsageError
from schemas.names import Names, split_names

LEAST_PAIRS = 3
"""Fewest pairs of a knowledge objective that a batch must have room for: two rows through BatchNorm are a sign and its
opposite, whatever they hold, and pass no gradient on."""
LEAST_LEARNABLE_TEMPERATURE = 0.01
"""Where a temperature that is learnt stops falling, as in CLIP."""


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Where the encoder comes from, or its size if it starts from random weights."""

    source: Annotated[str, tyro.conf.arg(aliases=("--encoder",))] = ""
    """A folder or Hub name that AutoModelForMaskedLM opens; empty means random weights of the sizes below.
    (recalled: XLM-R base)"""
    layers: int = 4
    """Layers of a random encoder. (ours)"""
    width: int = 128
    """Hidden width of a random encoder. (ours)"""
    attention_heads: int = 4
    """Attention heads of a random encoder. (ours)"""
    intermediate_width: int = 512
    """Inner width of a random encoder's feed-forward layers. (ours)"""
    max_length: int = 512
    """Longest document of a random encoder, in tokens. (ours)"""
    dropout: float | None = None
    """Dropout of hidden states; None keeps the encoder's own (0.1 in XLM-R). Attention dropout is 0 in both modes, because
    attention on packed streams has none. (code: 0.1 for both, so `paper` departs from it in attention)"""
    gradient_checkpointing: bool = False
    """Computes activations twice to save memory. (ours)"""
    compile: bool = False
    """Compiles the body with torch.compile(fullgraph=True). (ours)"""


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """How the objectives become a loss."""

    mode: Literal["best", "paper"] = "best"
    """`best`: gathered negatives with gradient, false negatives masked, bank with ids. `paper`: the released loss
    (code), with three departures: an entity that several pairs of a batch share has one description there, encoded once
    (code: once per pair); attention has no dropout (code: 0.1); object entailment, which was not released, follows the
    loss of MEP. (`best`: ours)"""
    head_norm: Literal["batch", "layer"] = "batch"
    """Normalisation in the projection heads: BatchNorm (code) or LayerNorm, which does not depend on the batch. (ours)"""
    contrast_layer: int | None = None
    """Layer whose states feed the contrast, 0 being the embedding; None is the last. (code: a flag)"""
    l2_normalise: bool = True
    """Scales states to length 1 before they are compared, so that scores are cosines. (code: a flag)"""
    temperature: float = 0.05
    """What scores are divided by. (open; 0.05 as in SimKGC)"""
    learnable_temperature: bool = False
    """Lets the optimizer move the temperature, one per objective. (ours)"""
    negatives: Literal["step", "batch"] = "step"
    """Where a step has several batches (`accumulation`): `step` contrasts the pairs of all of them, on all ranks, so that
    what is learnt does not depend on the split; each batch is then encoded twice. `batch` contrasts those of one batch of
    each rank, a third cheaper. `paper` has the negatives of each rank's batch and the bank. (`paper`: code; others: ours)"""
    bank_size: int = 0
    """Past keys of each objective kept as further negatives; 0 is no bank. (paper mode: 32,768, recalled)"""
    mlm_scale: float = 1.0
    """Weight of the MLM loss. (code)"""
    mep_scale: float = 1.0
    """Weight of the MEP loss; in `paper`, of each of its two losses. (open)"""
    oe_scale: float = 1.0
    """Weight of the OE loss; in `paper`, of each of its two losses. (open)"""

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise UsageError(f"temperature is {self.temperature}, expected a number above 0, such as 0.05.")
        if self.learnable_temperature and self.temperature < LEAST_LEARNABLE_TEMPERATURE:
            raise UsageError(
                f"temperature is {self.temperature}, but one that is learnt stays at {LEAST_LEARNABLE_TEMPERATURE} or "
                "above; start it there, or pass --method.learnable-temperature False"
            )
        if self.mode == "paper" and self.bank_size < 1:
            raise UsageError("paper mode needs a bank; set bank_size (32768 as recalled from the paper).")
        if self.mode == "paper" and self.learnable_temperature:
            raise UsageError(
                "paper mode has a fixed temperature; pass --method.learnable-temperature False or --method.mode best"
            )


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """AdamW and its schedule."""

    peak_rate: float = 3e-5
    """Highest learning rate. (recalled)"""
    warmup_steps: int = 10_000
    """Steps over which the rate rises from 0. (recalled)"""
    schedule: Literal["linear", "cosine", "wsd"] = "linear"
    """Decay after warm-up: to 0 linearly or by a cosine, or flat until the last `decay_share`. (recalled: linear)"""
    decay_share: float = 0.2
    """Share of all steps in which `wsd` decays, above 0. (ours)"""
    weight_decay: float = 0.01
    """Decay of matrices; biases and normalisations have none. (open)"""
    betas: tuple[float, float] = (0.9, 0.98)
    """Adam's moments. (open)"""
    eps: float = 1e-6
    """Adam's epsilon. (open)"""
    clip_norm: float = 1.0
    """Largest norm of all gradients together; 0 turns clipping off. (open)"""

    def __post_init__(self) -> None:
        if not 0 < self.decay_share <= 1 or self.warmup_steps < 0 or self.clip_norm < 0:
            raise UsageError(
                f"decay_share is {self.decay_share}, expected above 0 and at most 1; warmup_steps {self.warmup_steps} and "
                f"clip_norm {self.clip_norm}, expected at least 0."
            )


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """One pre-training run."""

    data: str = ""
    """Folder of token shards, made by `python -m pipeline tokenize`; or its address (`s3://`, `gs://`, `https://` …)."""
    data_cache: str = ""
    """Folder that shards of an address are kept in; empty takes XLMK_CACHE, else `xlm-k` in the user's cache folder."""
    data_cache_gb: float = 50.0
    """Most GB of shards of an address that are kept; those not read for longest go first."""
    tokenizer: str = ""
    """Folder or Hub name of the tokenizer; empty takes the encoder's, or `tokenizer/` in or beside the data."""
    output: str = ""
    """Folder of the run: log, checkpoints, and the finished model in `model/`."""
    objectives: Names = OBJECTIVES
    """Objectives to train on."""
    steps: int = 100_000
    """Number of optimizer steps. (open)"""
    accumulation: int = 1
    """Batches per optimizer step and rank; losses are means over the words and pairs of the whole step."""
    chunk_tokens: int = 0
    """Encodes a batch in pieces of about this many tokens and still contrasts all of it, for small GPUs; 0 is off."""
    seed: int = 0
    """Seed of everything: weights, order, masks, dropout."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; auto takes a GPU where there is one."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """Arithmetic of the forward pass; weights stay float32. auto: bf16 on a GPU, fp32 on a CPU."""
    workers: int = 0
    """Loader processes per rank; 0 loads in the training process."""
    threads: int = 0
    """Threads of each rank's arithmetic on a CPU; 0 leaves it to torch. Their number decides in which order sums are rounded,
    so it is logged; on a machine with other work, more threads than free cores are slower than one."""
    log_every: int = 10
    """Steps between log lines."""
    validate_every: int = 1_000
    """Steps between scores on the validation split; 0 turns them off."""
    validation_batches: int = 32
    """Batches of a validation, over all ranks."""
    validation_queries: int = 200
    """Queries of each knowledge objective that a validation asks, always the same, for retrieval across languages (hits@1,
    MRR): the number to steer a run by. 0 asks none."""
    validation_candidates: int = 1_000
    """Most descriptions of a language that such a query chooses from: those that queries need, others at random; 0 takes all."""
    save_every: int = 1_000
    """Steps between checkpoints."""
    keep_checkpoints: int = 2
    """Newest checkpoints that are kept; at least 2, so that a damaged one has a predecessor."""
    keep_every: int = 0
    """Checkpoints of multiples of so many steps are kept for good, as milestones; 0 keeps none beyond the newest."""
    mirror: str = ""
    """Address that checkpoints are copied to as well (`s3://bucket/run` …). A new output folder goes on from the newest there."""
    save_in_background: bool = True
    """Lets a thread write checkpoints while training goes on; False stands still until each is on disk. Equal bits."""
    resume: Literal["auto", "never"] = "auto"
    """auto goes on from the newest sound checkpoint in the output folder; never refuses a folder that has one."""
    init_from: str = ""
    """Folder of a run, or of one of its checkpoints, whose weights and heads a new run starts from: other data, objectives
    or schedule, step 0, no moments. Empty starts from the encoder. A run that has checkpoints of its own goes on from them."""
    track: Literal["", "trackio", "wandb"] = ""
    """Sends measures to a tracker too, under the name of the output folder; its package must be installed."""
    allow_changed_data: bool = False
    """Resumes although the dataset is another than the checkpoint's; the order of rows then starts anew."""
    stop_after: int = 0
    """Saves and stops (exit code 75) after so many steps of this start, for queues with a time limit; 0 is off."""
    max_bad_steps: int = 3
    """Stops after so many steps in a row whose loss or gradient was not finite."""
    licence: str = "cc-by-sa-4.0"
    """Licence stated in the model card; text of Wikipedia asks for this one."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    """The encoder."""
    method: MethodConfig = field(default_factory=MethodConfig)
    """The losses."""
    stream: StreamConfig = field(default_factory=StreamConfig)
    """The data."""
    optim: OptimConfig = field(default_factory=OptimConfig)
    """The optimizer."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.accumulation < 1 or self.log_every < 1 or self.save_every < 1:
            raise UsageError("steps, accumulation, log_every and save_every must be at least 1.")
        if self.data_cache_gb <= 0:
            raise UsageError(f"data_cache_gb is {self.data_cache_gb}, expected a number of GB above 0.")
        if self.keep_checkpoints < 2:
            raise UsageError(f"keep_checkpoints is {self.keep_checkpoints}, expected at least 2.")

    def resolved(self) -> PretrainConfig:
        """Return the same run with the shares of objectives that are off set to 0.

        Raises:
            UsageError: an unknown objective, or one whose share is 0.
        """
        names = split_names(self.objectives)
        unknown = sorted(set(names) - set(OBJECTIVES))
        if unknown or not names:
            raise UsageError(f"objectives are {' '.join(names)!r}, expected some of {', '.join(OBJECTIVES)}.")
        shares = {name: getattr(self.stream, f"{name}_share") if name in names else 0.0 for name in OBJECTIVES}
        stream = replace(self.stream, mlm_share=shares["mlm"], mep_share=shares["mep"], oe_share=shares["oe"])
        silent = [name for name in OBJECTIVES if name in names and shares[name] == 0]
        if silent:
            raise UsageError(
                f"objective {silent[0]} has a share of 0; raise --stream.{silent[0]}-share or leave it out."
            )
        check_negatives(stream)
        check_schedule(self.optim, self.steps)
        if self.method.mode == "paper" and stream.hard_negatives:
            raise UsageError(
                "paper mode has no hard negatives: its negatives are the batch and the bank. Pass "
                "--stream.hard-negatives 0 or --method.mode best"
            )
        return replace(self, stream=stream, objectives=tuple(name for name in OBJECTIVES if name in names))


def check_schedule(optim: OptimConfig, steps: int) -> None:
    """Make sure that a run is as long as its schedule needs.

    Raises:
        UsageError: warm-up fills the run, so that the rate would never fall; or `wsd` would decay before it is over.
    """
    if optim.warmup_steps >= steps:
        raise UsageError(
            f"warm-up takes {optim.warmup_steps:,} steps and the run has {steps:,}, so the rate would never fall. Pass "
            f"--optim.warmup-steps {steps // 10}, a tenth of the run, or more --steps"
        )
    if optim.schedule == "wsd" and optim.warmup_steps > steps * (1 - optim.decay_share):
        raise UsageError(
            f"wsd decays in the last {optim.decay_share:.0%} of {steps:,} steps, but warm-up takes {optim.warmup_steps:,}: "
            "the rate would fall before it has risen. Lower --optim.warmup-steps or --optim.decay-share"
        )


def check_negatives(stream: StreamConfig) -> None:
    """Make sure that a batch has room for pairs that can be told apart.

    Raises:
        UsageError: fewer than `LEAST_PAIRS` pairs of an objective fit.
    """
    shapes = stream.shapes()
    for name, slots in (("mep", shapes.mep), ("oe", shapes.oe)):
        if name in stream.objectives and slots < LEAST_PAIRS:
            raise UsageError(
                f"a batch of {stream.tokens_per_step:,} tokens, of which {name} has a share of {stream.share(name):.2f}, "
                f"has room for {slots} pairs: too small for negatives, at least {LEAST_PAIRS} are needed. Raise "
                f"--stream.tokens-per-step or --stream.{name}-share, or set --stream.max-{name}"
            )
