"""Two models, one cheap and one strong: how few strong calls keep the quality."""
