"""The `openai` engine: any server or provider with the OpenAI API."""
