"""All that is known of Beam: the graph, and the local runner whose workers are forked.

    graph ─▶ local_runner ─▶ worker_server ─▶ worker_process (forks) ─▶ Beam's own worker
      └─▶ worker_watch: what ends a run whose worker was killed

`docs/beam.md` lists the private names of Beam's that this rests on, and what breaks where one changes.
"""
