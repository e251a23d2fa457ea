"""Retrieval from a model's folder and a dataset's: opens both, and makes sure that they belong together."""

from model.data.special_tokens import SpecialTokens
from model.data.stores.token_dataset import TokenDataset
from model.evaluation.embedder import load_embedder
from model.evaluation.ranking.config import RetrievalConfig
from model.evaluation.ranking.retrieval import evaluate_retrieval
from model.evaluation.results import Results
from model.training.tokenizer_source import fingerprint_of, open_tokenizer


def run_retrieval(config: RetrievalConfig) -> Results:
    """Evaluate a model on the validation split of token shards.

    Raises: SchemaMismatch where the shards were made with another tokenizer; the openers' errors.
    """
    tokenizer = open_tokenizer(config.model)
    data = TokenDataset(config.data, SpecialTokens.from_tokenizer(tokenizer, position_offset=0))
    data.check_tokenizer(fingerprint_of(tokenizer))
    embedder = load_embedder(config.model, tokenizer, config.device, config.batch_tokens)
    return evaluate_retrieval(config, embedder, data)
