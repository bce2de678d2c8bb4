//! What is worth telling, whom, how, and what people decided.
