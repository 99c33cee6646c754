"""The load generator: arrivals become OpenAI requests on the wire, answers become records."""
