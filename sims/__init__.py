"""Traffic, engines and fleets that are not there: traces, workloads, the emulator, replay."""
