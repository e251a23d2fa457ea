"""What the link job does, in plain functions over Arrow batches and sorted arrays; no Beam.

    pages, read once ─▶ keys of titles and links, hashes of leads ─┐
    sitelinks, redirects ──────────────────────────────────────────┼─▶ title index
    entities ─▶ kinds, short texts ────────────────────────────────┤       │
                                                                   ▼       ▼
        survey of the keys: what each link leads to, which leads are fit, what is mentioned how often
                                                                   ▼
        decisions: described entities, frequent ones ─▶ texts of pages, read once ─▶ descriptions, mentions, triples

Everything that must be known of the whole before a row can be written is kept as arrays of numbers on disk, memory-mapped by
the workers: some 14 bytes a link and 80 a page. Rows are never shuffled.
"""
