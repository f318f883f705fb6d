"""A strict, synthetic EHR for demonstrations and tests; it shares no code with the service it exercises."""
