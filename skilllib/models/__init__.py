"""Language models behind one method, and what is wrapped around them: retries, a tape, a budget, an account."""
