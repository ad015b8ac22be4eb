"""The supervised branch with boxes: the backbone's shallow half as it ships, its deep half and a head trained.

Anchor-free (FCOS, Tian 2019) on three scales with task-aligned assignment (TOOD, Feng 2021); everything leaves
as one int8 graph.
"""
