"""The wire: protobuf messages, codec, Redis key layout, and the files both ends read."""
