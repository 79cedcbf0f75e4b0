"""Answer a question from the documents, each sentence with an exact citation."""
