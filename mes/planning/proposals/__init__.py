"""Repairs that are too large to happen by themselves: proposals, and what the planner permits without one."""
