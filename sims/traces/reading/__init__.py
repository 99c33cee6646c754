"""From files to arrivals: what every trace format shares."""
