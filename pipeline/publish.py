"""`python -m pipeline publish FOLDER --name group/name`: a finished dataset or model to the Hugging Face Hub.

Without `--upload` it only says what would go where. A dataset is verified before, shard by shard; what an earlier upload left
in the repository and this folder does not hold is deleted there, or readers would mix old shards with new ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from pipeline.run.storage import in_words
from schemas import MANIFEST_NAME
from schemas.card import CARD_NAME
from schemas.errors import InputMissing, StorageError, UsageError
from schemas.verify import verify_dataset

Kind = Literal["dataset", "model"]
_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_LICENCE = re.compile(r'^license: "?([\w.-]+)"?$', re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class PublishConfig:
    """What goes where."""

    folder: Positional[str]
    """A dataset (`data/build/link`) or a model's folder (`runs/base/model`)."""
    name: str
    """The repository, as `group/name`; it is made where there is none."""
    upload: bool = False
    """Upload; without it, only say what would be uploaded."""
    public: bool = False
    """Whether everybody may see a repository that is made now."""
    message: str = "Upload"
    """The commit's message."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UsageError(f"--name is {self.name!r}, expected group/name, as the Hub names repositories")


CONFIG = PublishConfig
"""What the command line is made from."""


def run(config: PublishConfig) -> None:
    """Check a folder, say what goes where, and upload it where that is asked for.

    Raises:
        InputMissing: the folder is neither a dataset nor a model, or has no card.
        ShardMismatch, SchemaMismatch: the dataset is not sound.
        UsageError: no token, or the Hub refuses this one.
        StorageError: the Hub does not answer, or has no room.
    """
    folder = Path(config.folder)
    kind = kind_of(folder)
    if kind == "dataset":
        _, findings = verify_dataset(folder)
        if findings:
            raise findings[0].error
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not _hidden(path, folder))
    size = in_words(sum(path.stat().st_size for path in files))
    card = (folder / CARD_NAME).read_text(encoding="utf-8")
    licence = _LICENCE.search(card)
    print(
        f"{kind} {config.name}: {len(files)} files, {size}, licence {licence[1] if licence else 'not named in its card'}"
    )
    if not config.upload:
        names = ", ".join(str(path.relative_to(folder)) for path in files[:4])
        print(f"with {names}{', …' if len(files) > 4 else ''}\nnothing was uploaded: --upload does it")
        return
    print(f"uploaded: {_upload(config, folder, kind)}")


def kind_of(folder: Path) -> Kind:
    """Tell a dataset from a model by its files.

    Raises:
        InputMissing: it is neither, or has no card.
    """
    kind: Kind | None = None
    if (folder / MANIFEST_NAME).is_file():
        kind = "dataset"
    elif (folder / "config.json").is_file() and any(folder.glob("*.safetensors")):
        kind = "model"
    if kind is None:
        raise InputMissing(
            f"{folder} is neither a dataset (it has no {MANIFEST_NAME}) nor a model (config.json with *.safetensors). Of a build "
            "one dataset is published at a time, as data/build/link; of a run its folder model."
        )
    if not (folder / CARD_NAME).is_file():
        raise InputMissing(f"{folder} has no {CARD_NAME}: nobody would know what it is and under which licence")
    return kind


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _upload(config: PublishConfig, folder: Path, kind: Kind) -> str:
    """Upload in one commit; returns its address."""
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError

    if not get_token():
        raise UsageError("no token of the Hub's is here: `hf auth login` asks for one, or set HF_TOKEN")
    api = HfApi()
    try:
        api.create_repo(config.name, repo_type=kind, private=not config.public, exist_ok=True)
        commit = api.upload_folder(
            repo_id=config.name,
            repo_type=kind,
            folder_path=folder,
            commit_message=config.message,
            ignore_patterns=[".*", "**/.*"],
            delete_patterns="*",
        )
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):
            raise UsageError(f"the Hub does not let this token write to {config.name} (HTTP {status})") from error
        raise StorageError(f"the Hub refused {config.name}: {str(error).splitlines()[0]}") from error
    except OSError as error:
        raise StorageError(f"the Hub does not answer: {error}; run the same command again later") from error
    return str(commit.commit_url)
