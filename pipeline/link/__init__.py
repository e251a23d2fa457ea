"""What the link job does, in plain functions over Arrow batches and sorted arrays; no Beam.

    sitelinks, pages, redirects ─▶ title index ─┐
    entities ─▶ kinds, short texts ─────────────┼─▶ survey of pages: what each link leads to, which leads are fit
                                                ▼
                       decisions: described entities, counts of frequent ones ─▶ descriptions, mentions, triples

Everything that must be known of the whole before a row can be written is kept as sorted arrays of numbers on disk
(`numbers`), memory-mapped by the workers. Rows are never shuffled.
"""
