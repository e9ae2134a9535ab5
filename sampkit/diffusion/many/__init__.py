"""Very many samples: cut into batches, on one machine or many, stopped and resumed."""
