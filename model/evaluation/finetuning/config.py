"""What a fine-tuning run is told. The defaults are the recipe of XGLUE's baseline (Unicoder), from published scripts.

AdamW with epsilon 1e-8, no weight decay, no warm-up, linear decay to 0, gradients clipped at 1.0, seed 42.
"""

from dataclasses import dataclass
from typing import Literal

from schemas.errors import UsageError
from schemas.names import Names


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig:
    """Fields that all fine-tuning tasks share."""

    model: str
    """Folder or Hub name of the encoder."""
    data: str
    """Folder with the original files, or `hub`, or `hub:NAME` or `hub:NAME@SUBSET` for a data set with the same
    columns; `{language}` in SUBSET is filled in."""
    output: str = ""
    """Folder of results, checkpoints and predictions, with a sub-folder per task and seed; by default `evaluation` in the
    run's folder, else `runs/evaluate`."""
    set: str = ""
    """The set to score, where the folder holds several, for instance MasakhaNER; its name as `docs/evaluation.md` has it."""
    languages: Names = ()
    """Languages to test on; by default all that the folder has files for."""
    train_language: str = "en"
    """Language to fine-tune on."""
    train_split: Literal["train", "dev"] = "train"
    """`dev` lets the dev set stand in for training: a test of the machinery, marked so in the results."""
    test_split: Literal["test", "none"] = "test"
    """Split the selected epochs are tested on; `none` reports dev alone."""
    seeds: tuple[int, ...] = (42,)
    """One run per seed; results give mean and spread. (XGLUE: 42)"""
    epochs: int = 10
    """Passes over the training data."""
    batch_size: int = 32
    """Examples per optimizer step. (XGLUE)"""
    learning_rate: float = 5e-6
    """Peak rate, at the first step. (XGLUE)"""
    adam_epsilon: float = 1e-8
    """Adam's epsilon. (XGLUE)"""
    weight_decay: float = 0.0
    """AdamW's decay. (XGLUE)"""
    clip_norm: float = 1.0
    """Largest norm of all gradients together. (XGLUE)"""
    max_length: int = 256
    """Longest input in tokens, special tokens included. (XGLUE)"""
    max_train: int = 0
    """Most training examples, drawn at random; 0 takes all. Anything else is marked in the results."""
    max_test: int = 0
    """Most dev and test examples per language, the first ones; 0 takes all. Anything else is marked in the results."""
    batches: Literal["packed", "padded"] = "packed"
    """`packed` lays inputs end to end, without padding, and leaves out dropout of attention weights; encoders that
    cannot be packed are padded, and the results say so. `padded` keeps to the recipe. (ours)"""
    batch_tokens: int = 16_384
    """Token budget of one pass through the model, padding counted; a step of more tokens takes several."""
    device: str = "auto"
    """cpu, cuda or auto."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """Arithmetic of the forward pass; auto is bf16 on a GPU and fp32 on a CPU, where bf16 is refused."""
    keep_checkpoints: bool = False
    """Keeps the weights of the selected epochs after the run."""

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise UsageError(f"seeds is {self.seeds}: expected at least one, and none twice")
        for name in ("epochs", "batch_size", "batch_tokens", "max_length"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}, expected at least 1")


@dataclass(frozen=True, kw_only=True)
class NerConfig(FinetuneConfig):
    """Named entities, zero-shot from English."""

    epochs: int = 20
    """Passes over the training data. (XGLUE)"""


@dataclass(frozen=True, kw_only=True)
class XnliConfig(FinetuneConfig):
    """Natural language inference, zero-shot from English."""

    epochs: int = 10
    """Passes over the training data. (XGLUE)"""


@dataclass(frozen=True, kw_only=True)
class QaConfig(FinetuneConfig):
    """Extractive question answering, zero-shot from English SQuAD: MLQA, XQuAD, TyDiQA-GoldP."""

    metric: Literal["auto", "mlqa", "squad"] = "auto"
    """Rules by which answers are compared; auto takes those of the set. A score by the other rules is noted as such."""
    pairs: Literal["same", "all"] = "same"
    """`all` also tests questions in one language about contexts in another (MLQA's G-XLT, 49 pairs)."""

    epochs: int = 2
    """Passes over the training data. (XGLUE)"""
    batch_size: int = 12
    """Windows per optimizer step. (XGLUE)"""
    learning_rate: float = 3e-5
    """Peak rate, at the first step. (XGLUE)"""
    max_length: int = 384
    """Longest window in tokens, question and special tokens included. (XGLUE)"""
    stride: int = 128
    """Tokens between the starts of two windows of a context. (XGLUE)"""
    max_question_length: int = 64
    """Longest question in tokens; its end is cut off. (open; the usual value)"""
    n_best: int = 20
    """Best starts and best ends of a window that are combined. (XGLUE)"""
    max_answer_length: int = 30
    """Longest answer in tokens. (XGLUE)"""
