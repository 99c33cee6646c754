"""Streams through the real router and pool while the replicas behind them are killed and come back all the time."""
