"""The sizing that vllm-sr-sim (fleet-sim) publishes, in its own cost mode, to check ours against its tables.

One "GPU" here is priced and powered as one card but works like eight: its step times and memory are those of
Llama-3-70B on eight. Ratios between layouts of the same card mean something, dollars and watts do not; for those take
`sims.analytic.size` with Weir's latency models.
"""
