"""What-if: plans of a plant that differs from the live one in what a planner changed."""
