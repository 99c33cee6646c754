"""The planner's fleets beside homogeneous ones, beside vllm-sr-sim's, and beside the best there is."""
