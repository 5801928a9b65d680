"""Works through a large collection of recordings, on the cores of one machine or on a Ray cluster.

`sources` lists and fetches recordings, `work` does one of them, `processes` and `ray_cluster` do many, `ledger` keeps
results, failures and the index, and `run` puts them together. What is made of a recording is the caller's `Processor`.
"""
