"""The trainer's batches in a loop of one's own: `python examples/train_loop.py data/sample/tokens [steps]`."""

import sys

import torch

from model.config import EncoderConfig, PretrainConfig
from model.data.loading.loader import StreamLoader
from model.data.special_tokens import SpecialTokens
from model.data.stores.token_dataset import TokenDataset
from model.data.stream.stream import TrainingStream
from model.data.stream_config import StreamConfig
from model.method.encoder import load_encoder
from model.method.joint import JointModel
from model.training.tokenizer_source import find_tokenizer, open_tokenizer

folder, steps = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20
config = PretrainConfig(
    encoder=EncoderConfig(layers=2, width=64, attention_heads=2, intermediate_width=128),
    stream=StreamConfig(tokens_per_step=2_048, max_length=64, max_description_length=48, expected_length=24),
).resolved()

tokenizer = open_tokenizer(find_tokenizer("", config.encoder.source, folder))
encoder = load_encoder(config.encoder, vocab_size=len(tokenizer), pad_id=tokenizer.pad_token_id, seed=config.seed)
data = TokenDataset(folder, SpecialTokens.from_tokenizer(tokenizer, position_offset=encoder.position_offset))
stream = TrainingStream(data, config.stream, seed=config.seed, rank=0, world_size=1)
model = JointModel(encoder, config)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)

for step, batch in zip(range(steps), StreamLoader(stream), strict=False):
    loss, measures = model(batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    # Measures are sums and counts, which add up over batches and steps.
    means = {name: float(total / count) for name, (total, count) in measures.items() if name.endswith("/loss")}
    told = "  ".join(f"{name} {mean:.3f}" for name, mean in means.items())
    print(f"step {step + 1}: {batch.num_tokens} tokens  loss {float(loss.detach()):.3f}  {told}")
