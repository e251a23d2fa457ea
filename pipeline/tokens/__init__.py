"""The job `tokenize`: linked tables and plain text to token ids; and the training of a tokenizer."""
