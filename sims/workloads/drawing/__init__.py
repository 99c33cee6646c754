"""Drawing arrivals from distributions: what every generator shares."""
