"""The KV index beside Dynamo's radix tree: the same events and the same prompts through both."""
