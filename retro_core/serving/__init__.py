"""The embedded LM server: OpenAI and TGI routes over one torch engine, any number of adapters."""
