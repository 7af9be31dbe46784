"""The `openai` engine, for any server or provider with the OpenAI API."""
