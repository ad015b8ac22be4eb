"""`python -m edge bench`: each number of the agent beside its goal and beside stock asyncua, in the same run."""
