"""Turn files into an index that questions can be answered from."""
