"""Large bodies, read by a process beside the gateway: nothing that takes long in them holds the gateway's loop."""
